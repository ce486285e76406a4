package lab

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"

	"haven/lab/cloud"
	"haven/lab/overview"
)

// shownActivities is how many scaling activities are asked for.
const shownActivities = 20

// gather asks the services for all that a region's picture shows, as a client of the API would.
func (v *viewer) gather(ctx context.Context, name string) (overview.Facts, error) {
	region, _ := cloud.FindRegion(name)
	ctx = cloud.WithCall(ctx, &cloud.Call{Service: "lab", Operation: "Look", Region: name})
	facts := overview.Facts{Region: name, Zones: region.Zones, Time: time.Now(), Realm: RealmRunning, Traffic: v.lab.traffic.Now, Target: v.lab.traffic.Target}
	if v.lab.grounded != nil {
		facts.Realm = v.lab.grounded.Error()
	}
	for _, gather := range []func(context.Context, *overview.Facts) error{
		v.gatherNetwork, v.gatherBalancers, v.gatherInstances, v.gatherGroups, v.gatherDatabases, v.gatherFiles, v.gatherAlarms,
	} {
		if err := gather(ctx, &facts); err != nil {
			return facts, err
		}
	}
	return facts, nil
}

func (v *viewer) gatherNetwork(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services
	subnets, err := s.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		return err
	}
	gateways, err := s.ec2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{})
	if err != nil {
		return err
	}
	doors, err := s.ec2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{})
	if err != nil {
		return err
	}
	f.Subnets, f.NATs, f.Doors = subnets.Subnets, gateways.NatGateways, doors.VpcEndpoints
	firewalls, err := s.firewalls.ListFirewalls(ctx, &networkfirewall.ListFirewallsInput{})
	if err != nil {
		return err
	}
	for _, listed := range firewalls.Firewalls {
		found, err := s.firewalls.DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallArn: listed.FirewallArn})
		if cloud.HasCode(err, "ResourceNotFoundException") {
			continue // it has gone meanwhile
		}
		if err != nil {
			return err
		}
		f.Firewalls = append(f.Firewalls, overview.Firewall{Name: aws.ToString(listed.FirewallName), Status: found.FirewallStatus})
	}
	return nil
}

func (v *viewer) gatherBalancers(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.balancers
	balancers, err := s.DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{})
	if err != nil {
		return err
	}
	f.Balancers = balancers.LoadBalancers
	groups, err := s.DescribeTargetGroups(ctx, &elasticloadbalancingv2.DescribeTargetGroupsInput{})
	if err != nil {
		return err
	}
	for _, group := range groups.TargetGroups {
		health, err := s.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: group.TargetGroupArn})
		if cloud.HasCode(err, "TargetGroupNotFound") {
			continue
		}
		if err != nil {
			return err
		}
		f.Targets = append(f.Targets, overview.TargetGroup{Name: aws.ToString(group.TargetGroupName), Health: health.TargetHealthDescriptions})
	}
	return v.lab.store.View(func(tx *cloud.Tx) error { return v.gatherNodes(tx, f) })
}

func (v *viewer) gatherNodes(tx *cloud.Tx, f *overview.Facts) error {
	nodes, err := v.lab.services.balancers.Nodes(tx)
	if err != nil {
		return err
	}
	loopbacks := map[string]string{}
	for _, node := range v.lab.forwards.list() {
		loopbacks[node.Public] = node.Address
	}
	for _, node := range nodes {
		if node.Region != f.Region {
			continue
		}
		public := ""
		if node.Public.IsValid() {
			public = node.Public.String()
		}
		f.Nodes = append(f.Nodes, overview.BalancerNode{
			Balancer: node.Balancer, Zone: node.Zone, Interface: node.Interface, Private: node.Private.String(), Public: public,
			Loopback: loopbacks[public], Ports: node.Ports, Running: node.Running, Reason: node.Reason,
		})
	}
	return nil
}

func (v *viewer) gatherInstances(ctx context.Context, f *overview.Facts) error {
	described, err := v.lab.services.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	if err != nil {
		return err
	}
	for _, reservation := range described.Reservations {
		f.Instances = append(f.Instances, reservation.Instances...)
	}
	statuses, err := v.lab.services.ec2.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{})
	if err != nil {
		return err
	}
	f.Statuses = statuses.InstanceStatuses
	return nil
}

func (v *viewer) gatherGroups(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.autoscaling
	groups, err := s.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{})
	if err != nil {
		return err
	}
	f.Groups = groups.AutoScalingGroups
	for _, group := range f.Groups {
		refreshes, err := s.DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: group.AutoScalingGroupName})
		if err != nil {
			return err
		}
		f.Refreshes = append(f.Refreshes, refreshes.InstanceRefreshes...)
	}
	activities, err := s.DescribeScalingActivities(ctx, &autoscaling.DescribeScalingActivitiesInput{MaxRecords: aws.Int32(shownActivities)})
	if err != nil {
		return err
	}
	f.Activities = activities.Activities
	return nil
}
