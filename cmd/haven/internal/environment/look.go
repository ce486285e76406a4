package environment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"golang.org/x/sync/errgroup"

	"haven/infra/outputs"
	"haven/lab/control"
)

// Look asks AWS's API at the configuration's endpoint. nodes are the lab's loopback addresses; in the cloud there
// are none.
func Look(ctx context.Context, config aws.Config, stack outputs.Outputs, nodes []control.Node) (*Environment, error) {
	e := &Environment{URL: stack.URL, Version: stack.Version, Region: stack.Region}
	for _, zone := range stack.Network.Zones {
		e.Zones = append(e.Zones, zone.Name)
	}
	group, ctx := errgroup.WithContext(ctx)
	for what, look := range map[string]func(context.Context, aws.Config, outputs.Outputs) error{
		"the firewall": e.lookFirewall, "the servers": e.lookServers, "the database": e.lookDatabase, "the mount targets": e.lookMounts,
		"the balancer": func(ctx context.Context, config aws.Config, stack outputs.Outputs) error {
			return e.lookBalancer(ctx, config, stack, nodes)
		},
	} {
		group.Go(func() error {
			if err := look(ctx, config, stack); err != nil {
				return fmt.Errorf("looking at %s: %w", what, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	e.judge(stack.Web.Min)
	return e, nil
}

func (e *Environment) lookFirewall(ctx context.Context, config aws.Config, stack outputs.Outputs) error {
	out, err := networkfirewall.NewFromConfig(config).DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallName: aws.String(stack.Firewall.Name)})
	if err != nil {
		return err
	}
	for zone, state := range out.FirewallStatus.SyncStates {
		endpoint := Endpoint{Zone: zone, State: "PROVISIONING"}
		if state.Attachment != nil {
			endpoint.ID, endpoint.State = aws.ToString(state.Attachment.EndpointId), string(state.Attachment.Status)
		}
		e.Firewall = append(e.Firewall, endpoint)
	}
	slices.SortFunc(e.Firewall, func(a, b Endpoint) int { return cmp.Compare(a.Zone, b.Zone) })
	return nil
}

func (e *Environment) lookBalancer(ctx context.Context, config aws.Config, stack outputs.Outputs, nodes []control.Node) error {
	client := elasticloadbalancingv2.NewFromConfig(config)
	out, err := client.DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{stack.LoadBalancer.ARN}})
	if err != nil {
		return err
	}
	if len(out.LoadBalancers) != 1 {
		return errors.New("there is none")
	}
	balancer := out.LoadBalancers[0]
	for _, zone := range balancer.AvailabilityZones {
		node := Node{Zone: aws.ToString(zone.ZoneName), State: string(balancer.State.Code)}
		for _, known := range nodes {
			if known.Balancer == aws.ToString(balancer.LoadBalancerName) && known.Zone == node.Zone {
				node.Public, node.Address, node.State = known.Public, known.Address, known.State
			}
		}
		e.Balancers = append(e.Balancers, node)
	}
	slices.SortFunc(e.Balancers, func(a, b Node) int { return cmp.Compare(a.Zone, b.Zone) })
	return nil
}

func (e *Environment) lookServers(ctx context.Context, config aws.Config, stack outputs.Outputs) error {
	groups, err := autoscaling.NewFromConfig(config).DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{stack.Web.GroupName}})
	if err != nil {
		return err
	}
	health, err := elasticloadbalancingv2.NewFromConfig(config).DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(stack.LoadBalancer.TargetGroup)})
	if err != nil {
		return err
	}
	states, reasons := map[string]string{}, map[string]string{}
	for _, target := range health.TargetHealthDescriptions {
		id := aws.ToString(target.Target.Id)
		states[id], reasons[id] = string(target.TargetHealth.State), aws.ToString(target.TargetHealth.Description)
	}
	addresses, err := privateAddresses(ctx, config, stack.Web.GroupName)
	if err != nil {
		return err
	}
	for _, group := range groups.AutoScalingGroups {
		for _, instance := range group.Instances {
			id := aws.ToString(instance.InstanceId)
			e.Servers = append(e.Servers, Server{
				ID: id, Zone: aws.ToString(instance.AvailabilityZone), Lifecycle: string(instance.LifecycleState), Address: addresses[id],
				Health: cmp.Or(states[id], "unregistered"), Reason: reasons[id],
			})
		}
	}
	slices.SortFunc(e.Servers, func(a, b Server) int { return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.ID, b.ID)) })
	return nil
}

func privateAddresses(ctx context.Context, config aws.Config, group string) (map[string]string, error) {
	addresses := map[string]string{}
	pages := ec2.NewDescribeInstancesPaginator(ec2.NewFromConfig(config), &ec2.DescribeInstancesInput{
		Filters: []ec2types.Filter{{Name: aws.String("tag:aws:autoscaling:groupName"), Values: []string{group}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, reservation := range page.Reservations {
			for _, instance := range reservation.Instances {
				addresses[aws.ToString(instance.InstanceId)] = aws.ToString(instance.PrivateIpAddress)
			}
		}
	}
	return addresses, nil
}

func (e *Environment) lookDatabase(ctx context.Context, config aws.Config, stack outputs.Outputs) error {
	client := rds.NewFromConfig(config)
	clusters, err := client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String(stack.Database.ClusterID)})
	if err != nil {
		return err
	}
	if len(clusters.DBClusters) != 1 {
		return errors.New("there is none")
	}
	cluster := clusters.DBClusters[0]
	e.Database = Database{
		ID: stack.Database.ClusterID, Status: aws.ToString(cluster.Status), Writer: aws.ToString(cluster.Endpoint),
		Reader: aws.ToString(cluster.ReaderEndpoint), Port: int(aws.ToInt32(cluster.Port)),
	}
	for _, member := range cluster.DBClusterMembers {
		instances, err := client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: member.DBInstanceIdentifier})
		if err != nil {
			return err
		}
		role := "reader"
		if aws.ToBool(member.IsClusterWriter) {
			role = "writer"
		}
		for _, instance := range instances.DBInstances {
			e.Database.Members = append(e.Database.Members, Member{
				ID: aws.ToString(member.DBInstanceIdentifier), Role: role, Zone: aws.ToString(instance.AvailabilityZone), Status: aws.ToString(instance.DBInstanceStatus),
			})
		}
	}
	slices.SortFunc(e.Database.Members, func(a, b Member) int { return cmp.Compare(a.Zone, b.Zone) })
	return nil
}

func (e *Environment) lookMounts(ctx context.Context, config aws.Config, stack outputs.Outputs) error {
	out, err := efs.NewFromConfig(config).DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: aws.String(stack.Storage.FileSystemID)})
	if err != nil {
		return err
	}
	for _, target := range out.MountTargets {
		e.Mounts = append(e.Mounts, Mount{Zone: aws.ToString(target.AvailabilityZoneName), Address: aws.ToString(target.IpAddress), State: string(target.LifeCycleState)})
	}
	slices.SortFunc(e.Mounts, func(a, b Mount) int { return cmp.Compare(a.Zone, b.Zone) })
	return nil
}
