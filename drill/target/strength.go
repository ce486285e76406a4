package target

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	nfwtypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// StrengthNeeds are the IAM actions that Missing calls.
var StrengthNeeds = []string{
	"autoscaling:DescribeAutoScalingGroups", "elasticloadbalancing:DescribeTargetHealth", "rds:DescribeDBClusters", "rds:DescribeDBInstances",
	"elasticfilesystem:DescribeMountTargets", "network-firewall:DescribeFirewall",
}

// Missing tells everything that keeps the environment from its full strength; nothing: it is whole. Each tier is asked, so that
// one look tells all of it.
func (e *Environment) Missing(ctx context.Context) (missing []string, err error) {
	for _, look := range []func(context.Context) ([]string, error){e.missingServers, e.missingMembers, e.missingMounts, e.missingFirewalls, e.missingNodes} {
		found, err := look(ctx)
		if err != nil {
			return nil, err
		}
		missing = append(missing, found...)
	}
	if len(missing) > 0 || e.Copies == nil {
		return missing, nil
	}
	return e.missingCopies(ctx) // last: it takes long to look
}

// AwaitWhole waits until nothing is missing. Its error tells what is when the time is over.
func (e *Environment) AwaitWhole(ctx context.Context, limit time.Duration) error {
	return Await(ctx, "the environment to be at full strength", limit, func(ctx context.Context) error {
		missing, err := e.Missing(ctx)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("%s", strings.Join(missing, "; "))
		}
		return err
	})
}

// Group returns the web servers' Auto Scaling group.
func (e *Environment) Group(ctx context.Context) (astypes.AutoScalingGroup, error) {
	out, err := autoscaling.NewFromConfig(e.Config).DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{e.Outputs.Web.GroupName}})
	if err != nil {
		return astypes.AutoScalingGroup{}, err
	}
	if len(out.AutoScalingGroups) != 1 {
		return astypes.AutoScalingGroup{}, fmt.Errorf("there is no Auto Scaling group %s", e.Outputs.Web.GroupName)
	}
	return out.AutoScalingGroups[0], nil
}

// Targets returns the state of health of each registered server, by its id.
func (e *Environment) Targets(ctx context.Context) (map[string]elbtypes.TargetHealthStateEnum, error) {
	out, err := elb.NewFromConfig(e.Config).DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &e.Outputs.LoadBalancer.TargetGroup})
	if err != nil {
		return nil, err
	}
	states := map[string]elbtypes.TargetHealthStateEnum{}
	for _, t := range out.TargetHealthDescriptions {
		states[*t.Target.Id] = t.TargetHealth.State
	}
	return states, nil
}

// unhealthy is the health of a server that its group found broken once and for all.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
const unhealthy = "Unhealthy"

func (e *Environment) missingServers(ctx context.Context) (missing []string, err error) {
	group, err := e.Group(ctx)
	if err != nil {
		return nil, err
	}
	targets, err := e.Targets(ctx)
	if err != nil {
		return nil, err
	}
	perZone, serving := map[string]int{}, 0
	for _, i := range group.Instances {
		if i.LifecycleState == astypes.LifecycleStateInService && targets[*i.InstanceId] == elbtypes.TargetHealthStateEnumHealthy {
			perZone[*i.AvailabilityZone]++
			serving++
		}
		if aws.ToString(i.HealthStatus) == unhealthy { // it may serve again, and is replaced all the same
			missing = append(missing, fmt.Sprintf("server %s is yet to be replaced", *i.InstanceId))
		}
	}
	if serving < int(*group.DesiredCapacity) {
		missing = append(missing, fmt.Sprintf("%d of %d servers serve", serving, *group.DesiredCapacity))
	}
	for _, zone := range group.AvailabilityZones {
		if least := int(*group.DesiredCapacity) / len(group.AvailabilityZones); perZone[zone] < least {
			missing = append(missing, fmt.Sprintf("%d of at least %d servers serve in zone %s", perZone[zone], least, zone))
		}
	}
	for id, state := range targets {
		if state != elbtypes.TargetHealthStateEnumHealthy {
			missing = append(missing, fmt.Sprintf("target %s is %s", id, state))
		}
	}
	return missing, nil
}

// Cluster returns the database cluster.
func (e *Environment) Cluster(ctx context.Context) (rdstypes.DBCluster, error) {
	out, err := rds.NewFromConfig(e.Config).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &e.Outputs.Database.ClusterID})
	if err != nil {
		return rdstypes.DBCluster{}, err
	}
	return out.DBClusters[0], nil
}

// Members returns the names of the writer and the readers of the database.
func (e *Environment) Members(ctx context.Context) (writer string, readers []string, err error) {
	cluster, err := e.Cluster(ctx)
	for _, m := range cluster.DBClusterMembers {
		if aws.ToBool(m.IsClusterWriter) {
			writer = *m.DBInstanceIdentifier
		} else {
			readers = append(readers, *m.DBInstanceIdentifier)
		}
	}
	return writer, readers, err
}

func (e *Environment) missingMembers(ctx context.Context) (missing []string, err error) {
	cluster, err := e.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	if *cluster.Status != "available" {
		missing = append(missing, "the database cluster is "+*cluster.Status)
	}
	out, err := rds.NewFromConfig(e.Config).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{
		Filters: []rdstypes.Filter{{Name: aws.String("db-cluster-id"), Values: []string{e.Outputs.Database.ClusterID}}},
	})
	if err != nil {
		return nil, err
	}
	if len(out.DBInstances) < len(e.Outputs.Database.Members) {
		missing = append(missing, fmt.Sprintf("the database has %d of %d members", len(out.DBInstances), len(e.Outputs.Database.Members)))
	}
	for _, i := range out.DBInstances {
		if *i.DBInstanceStatus != "available" {
			missing = append(missing, fmt.Sprintf("database member %s is %s", *i.DBInstanceIdentifier, *i.DBInstanceStatus))
		}
		for _, info := range i.StatusInfos {
			if !aws.ToBool(info.Normal) {
				missing = append(missing, fmt.Sprintf("database member %s: %s is %s", *i.DBInstanceIdentifier, aws.ToString(info.StatusType), aws.ToString(info.Status)))
			}
		}
	}
	return missing, nil
}

func (e *Environment) missingMounts(ctx context.Context) (missing []string, err error) {
	out, err := efs.NewFromConfig(e.Config).DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: &e.Outputs.Storage.FileSystemID})
	if err != nil {
		return nil, err
	}
	if want := len(e.Outputs.Network.Zones); len(out.MountTargets) < want {
		missing = append(missing, fmt.Sprintf("storage has %d of %d mount targets", len(out.MountTargets), want))
	}
	for _, m := range out.MountTargets {
		if m.LifeCycleState != efstypes.LifeCycleStateAvailable {
			missing = append(missing, fmt.Sprintf("the mount target of zone %s is %s", aws.ToString(m.AvailabilityZoneName), m.LifeCycleState))
		}
	}
	return missing, nil
}

// missingCopies tells which copies of the files are not whole: with one of them away, the loss of another zone would lose files.
func (e *Environment) missingCopies(ctx context.Context) (missing []string, err error) {
	states, err := e.Copies(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking at the copies of the files: %w", err)
	}
	for _, zone := range slices.Sorted(maps.Keys(states)) {
		if states[zone] != "healthy" {
			missing = append(missing, fmt.Sprintf("the copy of the files in zone %s is %s", zone, states[zone]))
		}
	}
	if want := len(e.Outputs.Network.Zones); len(states) < want {
		missing = append(missing, fmt.Sprintf("there are %d of %d copies of the files", len(states), want))
	}
	return missing, nil
}

func (e *Environment) missingFirewalls(ctx context.Context) (missing []string, err error) {
	out, err := networkfirewall.NewFromConfig(e.Config).DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallName: &e.Outputs.Firewall.Name})
	if err != nil {
		return nil, err
	}
	for zone, state := range out.FirewallStatus.SyncStates {
		if state.Attachment == nil || state.Attachment.Status != nfwtypes.AttachmentStatusReady {
			missing = append(missing, "the firewall endpoint of zone "+zone+" is not ready")
		}
	}
	return missing, nil
}

// nodeLimit is how long a way in may take to answer a request.
const nodeLimit = 3 * time.Second

// missingNodes asks from outside whether each way in answers, whatever it answers: AWS has no call that tells. A connection that
// is taken says little: a firewall in between may take it.
func (e *Environment) missingNodes(ctx context.Context) (missing []string, err error) {
	for _, node := range e.Nodes {
		if node.Address == "" {
			continue
		}
		if err := e.answers(ctx, node.Address); err != nil {
			missing = append(missing, fmt.Sprintf("the balancer's node in zone %s answers nothing (%v)", node.Zone, err))
		}
	}
	return missing, nil
}

func (e *Environment) answers(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimSuffix(e.Outputs.URL, "/")+"/live", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: nodeLimit, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: e.Roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
