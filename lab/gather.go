package lab

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/lab/cloud"
	"haven/lab/overview"
	"haven/lab/realm/mirror"
	"haven/lab/realm/postgres"
	cwservice "haven/lab/services/cloudwatch"
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

func (v *viewer) gatherAlarms(ctx context.Context, f *overview.Facts) (err error) {
	if f.Faults, err = v.lab.inForce(f.Region); err != nil {
		return err
	}
	pages := cloudwatch.NewDescribeAlarmsPaginator(alarmsHere{v.lab.services.metrics}, &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.MetricAlarms {
			f.Alarms = append(f.Alarms, overview.Alarm{
				Name: aws.ToString(a.AlarmName), State: string(a.StateValue), Reason: aws.ToString(a.StateReason),
				Since: aws.ToTime(a.StateUpdatedTimestamp), About: aws.ToString(a.MetricName),
			})
		}
		for _, a := range page.CompositeAlarms {
			f.Alarms = append(f.Alarms, overview.Alarm{
				Name: aws.ToString(a.AlarmName), State: string(a.StateValue), Reason: aws.ToString(a.StateReason),
				Since: aws.ToTime(a.StateUpdatedTimestamp), About: aws.ToString(a.AlarmRule),
			})
		}
	}
	return nil
}

// alarmsHere lets the SDK's own paginator ask the service itself.
type alarmsHere struct{ service *cwservice.Service }

// DescribeAlarms asks the service.
func (a alarmsHere) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	return a.service.DescribeAlarms(ctx, in)
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

func (v *viewer) gatherDatabases(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.databases
	clusters, err := s.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
	if err != nil {
		return err
	}
	instances, err := s.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		return err
	}
	f.Clusters, f.Databases, f.Members = clusters.DBClusters, instances.DBInstances, map[string]overview.DatabaseMember{}
	seen := map[string]postgres.MemberObservation{}
	synchronous := map[string]bool{}
	if v.lab.realm != nil {
		for _, cluster := range v.lab.realm.databases.Observe() {
			for _, member := range cluster.Members {
				seen[member.ID] = member
			}
			for _, id := range cluster.Synchronous {
				synchronous[id] = true
			}
		}
	}
	var interfaces map[string]string
	err = v.lab.store.View(func(tx *cloud.Tx) (err error) {
		interfaces, err = s.Interfaces(tx, f.Region)
		return err
	})
	for _, instance := range f.Databases {
		name, id := aws.ToString(instance.DBInstanceIdentifier), aws.ToString(instance.DbiResourceId)
		f.Members[name] = overview.DatabaseMember{
			Interface: interfaces[name], Phase: string(seen[id].Phase), Reason: seen[id].Reason, Streaming: seen[id].Streaming,
			Synchronous: synchronous[id], Lag: seen[id].Lag,
		}
	}
	return err
}

func (v *viewer) gatherFiles(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.files
	systems, err := s.DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{})
	if err != nil {
		return err
	}
	seen := map[string]mirror.Observation{}
	if v.lab.realm != nil && len(systems.FileSystems) > 0 {
		for _, o := range v.lab.realm.mirrors.Observe() {
			seen[o.ID] = o
		}
	}
	f.FileSystems, f.Disks = systems.FileSystems, map[string]overview.Disks{}
	for _, system := range systems.FileSystems {
		mounts, err := s.DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: system.FileSystemId})
		if cloud.HasCode(err, "FileSystemNotFound") {
			continue
		}
		if err != nil {
			return err
		}
		f.Mounts = append(f.Mounts, mounts.MountTargets...)
		if o, ok := seen[aws.ToString(system.FileSystemId)]; ok {
			f.Disks[o.ID] = disks(o)
		}
	}
	return nil
}

func disks(o mirror.Observation) overview.Disks {
	d := overview.Disks{Ready: o.Ready, Reason: o.Reason, Used: o.Used, Copies: map[string]string{}, Serving: map[string]bool{}, Clients: map[string]int{}}
	for zone, state := range o.Devices {
		d.Copies[zone] = string(state)
	}
	for _, target := range o.Targets {
		d.Serving[target.ID], d.Clients[target.ID] = target.Serving, target.Mounts
	}
	return d
}
