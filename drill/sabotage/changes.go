package sabotage

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/drill/target"
	"haven/infra/outputs"
)

// change is one sabotage and its end. Restore may be called whether or not make succeeded.
type change struct {
	make, restore func(context.Context) error
}

func firstZone(e *target.Environment) outputs.Zone { return e.Outputs.Network.Zones[0] }

// serversInOneZone gives the group a single subnet, and waits until all its servers are there.
func serversInOneZone(e *target.Environment) change {
	client := autoscaling.NewFromConfig(e.Config)
	before := ""
	set := func(ctx context.Context, subnets string) error {
		_, err := client.UpdateAutoScalingGroup(ctx, &autoscaling.UpdateAutoScalingGroupInput{AutoScalingGroupName: &e.Outputs.Web.GroupName, VPCZoneIdentifier: &subnets})
		return err
	}
	return change{
		make: func(ctx context.Context) error {
			group, err := e.Group(ctx)
			if err != nil {
				return err
			}
			before = aws.ToString(group.VPCZoneIdentifier)
			if err := set(ctx, firstZone(e).Subnets["app"]); err != nil {
				return err
			}
			return target.Await(ctx, "all servers to be in one zone", wholeLimit, func(ctx context.Context) error { return allIn(ctx, e, firstZone(e).Name) })
		},
		restore: func(ctx context.Context) error {
			if before == "" {
				return nil
			}
			return set(ctx, before)
		},
	}
}

func allIn(ctx context.Context, e *target.Environment, zone string) error {
	group, err := e.Group(ctx)
	if err != nil {
		return err
	}
	for _, i := range group.Instances {
		if *i.AvailabilityZone != zone {
			return fmt.Errorf("%s is in %s", *i.InstanceId, *i.AvailabilityZone)
		}
	}
	missing, err := e.Missing(ctx)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%v", missing)
	}
	return err
}

// The wrong questions of a health check: whether the process lives, whatever it can do, and whether it can do everything this very second.
const (
	alive  = "/live"
	strict = "/ready?strict=true"
)

// healthPath asks for another path than the declared one.
func healthPath(path string) func(*target.Environment) change {
	return func(e *target.Environment) change {
		client := elb.NewFromConfig(e.Config)
		before := ""
		set := func(ctx context.Context, path string) error {
			_, err := client.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &e.Outputs.LoadBalancer.TargetGroup, HealthCheckPath: &path})
			return err
		}
		return change{
			make: func(ctx context.Context) error {
				out, err := client.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{e.Outputs.LoadBalancer.TargetGroup}})
				if err != nil {
					return err
				}
				before = aws.ToString(out.TargetGroups[0].HealthCheckPath)
				return set(ctx, path)
			},
			restore: func(ctx context.Context) error {
				if before == "" {
					return nil
				}
				return set(ctx, before)
			},
		}
	}
}

// closedHealthPort leads the rule that lets the balancer in to another port. The rule stays the one that the program declares.
func closedHealthPort(e *target.Environment) change {
	client := ec2.NewFromConfig(e.Config)
	var before []ec2types.SecurityGroupRule
	set := func(ctx context.Context, rule ec2types.SecurityGroupRule, from, to *int32) error {
		_, err := client.ModifySecurityGroupRules(ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: rule.GroupId, SecurityGroupRules: []ec2types.SecurityGroupRuleUpdate{{
			SecurityGroupRuleId: rule.SecurityGroupRuleId,
			SecurityGroupRule: &ec2types.SecurityGroupRuleRequest{
				IpProtocol: rule.IpProtocol, FromPort: from, ToPort: to, ReferencedGroupId: rule.ReferencedGroupInfo.GroupId, Description: rule.Description,
			},
		}}})
		return err
	}
	return change{
		make: func(ctx context.Context) (err error) {
			if before, err = healthRules(ctx, e, client); err != nil {
				return err
			}
			for _, rule := range before {
				if err := set(ctx, rule, aws.Int32(9), aws.Int32(9)); err != nil {
					return err
				}
			}
			return nil
		},
		restore: func(ctx context.Context) error {
			for _, rule := range before {
				if err := set(ctx, rule, rule.FromPort, rule.ToPort); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// healthRules are the inbound rules that let another group in to the servers' port.
func healthRules(ctx context.Context, e *target.Environment, client *ec2.Client) (found []ec2types.SecurityGroupRule, err error) {
	groups, err := elb.NewFromConfig(e.Config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{e.Outputs.LoadBalancer.TargetGroup}})
	if err != nil {
		return nil, err
	}
	port := aws.ToInt32(groups.TargetGroups[0].Port)
	out, err := client.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{})
	if err != nil {
		return nil, err
	}
	for _, rule := range out.SecurityGroupRules {
		if !aws.ToBool(rule.IsEgress) && aws.ToInt32(rule.FromPort) == port && rule.ReferencedGroupInfo != nil {
			found = append(found, rule)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no security group lets another in to port %d", port)
	}
	return found, nil
}

// asynchronousCommit has commits acknowledged before they are written.
// https://www.postgresql.org/docs/current/wal-async-commit.html
func asynchronousCommit(e *target.Environment) change {
	client := rds.NewFromConfig(e.Config)
	parameter := []rdstypes.Parameter{{ParameterName: aws.String("synchronous_commit"), ParameterValue: aws.String("off"), ApplyMethod: rdstypes.ApplyMethodImmediate}}
	group := func(ctx context.Context) (*string, error) {
		cluster, err := e.Cluster(ctx)
		return cluster.DBClusterParameterGroup, err
	}
	return change{
		make: func(ctx context.Context) error {
			name, err := group(ctx)
			if err != nil {
				return err
			}
			if _, err = client.ModifyDBClusterParameterGroup(ctx, &rds.ModifyDBClusterParameterGroupInput{DBClusterParameterGroupName: name, Parameters: parameter}); err != nil {
				return err
			}
			return target.Await(ctx, "the parameter to be applied", time.Minute, func(ctx context.Context) error { return inSync(ctx, e) })
		},
		restore: func(ctx context.Context) error {
			name, err := group(ctx)
			if err != nil {
				return err
			}
			_, err = client.ResetDBClusterParameterGroup(ctx, &rds.ResetDBClusterParameterGroupInput{DBClusterParameterGroupName: name, Parameters: parameter})
			return err
		},
	}
}

// inSync says whether all members have their parameter group's settings.
func inSync(ctx context.Context, e *target.Environment) error {
	cluster, err := e.Cluster(ctx)
	if err != nil {
		return err
	}
	for _, m := range cluster.DBClusterMembers {
		if status := aws.ToString(m.DBClusterParameterGroupStatus); status != "in-sync" {
			return fmt.Errorf("%s is %s", *m.DBInstanceIdentifier, status)
		}
	}
	return nil
}

// otherFirewall leads the way out of the first zone's public subnet through the second zone's firewall. What came in by the first
// zone's is then dropped by the second's, which has not seen it begin.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html
func otherFirewall(e *target.Environment) change {
	client := ec2.NewFromConfig(e.Config)
	own, other := firstZone(e), e.Outputs.Network.Zones[1]
	table := ""
	set := func(ctx context.Context, endpoint string) error {
		_, err := client.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"), VpcEndpointId: &endpoint})
		return err
	}
	return change{
		make: func(ctx context.Context) error {
			out, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{own.Subnets["public"]}}}})
			if err != nil {
				return err
			}
			if len(out.RouteTables) != 1 {
				return fmt.Errorf("the public subnet of %s has %d route tables", own.Name, len(out.RouteTables))
			}
			table = *out.RouteTables[0].RouteTableId
			return set(ctx, other.FirewallEndpoint)
		},
		restore: func(ctx context.Context) error {
			if table == "" {
				return nil
			}
			return set(ctx, own.FirewallEndpoint)
		},
	}
}
