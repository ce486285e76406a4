package adopt

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	firewalltypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

const (
	settleLimit = 45 * time.Minute // of the longest, a database's instance; a firewall takes some minutes
	settleTick  = time.Second
)

// settler waits until what has an id is as its creation would have left it.
type settler func(ctx context.Context, config aws.Config, id string) error

// settlers are of the types that take a while to create: until then they lack what others need, such as an address,
// and AWS refuses to build on them.
var settlers = map[string]settler{
	"aws:ec2/natGateway:NatGateway": func(ctx context.Context, config aws.Config, id string) error {
		return ec2.NewNatGatewayAvailableWaiter(ec2.NewFromConfig(config), func(o *ec2.NatGatewayAvailableWaiterOptions) { o.MinDelay = settleTick }).
			Wait(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}, settleLimit)
	},
	"aws:ec2/vpcEndpoint:VpcEndpoint": func(ctx context.Context, config aws.Config, id string) error {
		return until(ctx, func() (bool, error) {
			out, err := ec2.NewFromConfig(config).DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}})
			// The API writes states in lower case, and the SDK's constants do not.
			return err == nil && len(out.VpcEndpoints) == 1 && (out.VpcEndpoints[0].State == "available" || out.VpcEndpoints[0].State == types.StateAvailable), err
		})
	},
	"aws:efs/fileSystem:FileSystem": func(ctx context.Context, config aws.Config, id string) error {
		return until(ctx, func() (bool, error) {
			out, err := efs.NewFromConfig(config).DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{FileSystemId: &id})
			return err == nil && len(out.FileSystems) == 1 && out.FileSystems[0].LifeCycleState == efstypes.LifeCycleStateAvailable, err
		})
	},
	"aws:efs/mountTarget:MountTarget": func(ctx context.Context, config aws.Config, id string) error {
		return until(ctx, func() (bool, error) {
			out, err := efs.NewFromConfig(config).DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{MountTargetId: &id})
			return err == nil && len(out.MountTargets) == 1 && out.MountTargets[0].LifeCycleState == efstypes.LifeCycleStateAvailable, err
		})
	},
	"aws:lb/loadBalancer:LoadBalancer": func(ctx context.Context, config aws.Config, id string) error {
		return elb.NewLoadBalancerAvailableWaiter(elb.NewFromConfig(config), func(o *elb.LoadBalancerAvailableWaiterOptions) { o.MinDelay = settleTick }).
			Wait(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{id}}, settleLimit)
	},
	"aws:networkfirewall/firewall:Firewall": func(ctx context.Context, config aws.Config, id string) error {
		return until(ctx, func() (bool, error) {
			out, err := networkfirewall.NewFromConfig(config).DescribeFirewall(ctx, &networkfirewall.DescribeFirewallInput{FirewallArn: &id})
			return err == nil && out.FirewallStatus != nil && out.FirewallStatus.Status == firewalltypes.FirewallStatusValueReady, err
		})
	},
	"aws:rds/cluster:Cluster": func(ctx context.Context, config aws.Config, id string) error {
		return rds.NewDBClusterAvailableWaiter(rds.NewFromConfig(config), func(o *rds.DBClusterAvailableWaiterOptions) { o.MinDelay = settleTick }).
			Wait(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id}, settleLimit)
	},
	"aws:rds/clusterInstance:ClusterInstance": func(ctx context.Context, config aws.Config, id string) error {
		return rds.NewDBInstanceAvailableWaiter(rds.NewFromConfig(config), func(o *rds.DBInstanceAvailableWaiterOptions) { o.MinDelay = settleTick }).
			Wait(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id}, settleLimit)
	},
}

// until asks again and again until the answer is yes or an error, or the limit has passed.
func until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleTick):
		}
	}
}
