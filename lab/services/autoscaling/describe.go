package autoscaling

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

func (t template) describe() *types.LaunchTemplateSpecification {
	return &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String(t.ID), LaunchTemplateName: aws.String(t.Name), Version: aws.String(t.Version)}
}

func (m *member) health() *string {
	if m.Unhealthy != "" {
		return aws.String("Unhealthy")
	}
	return aws.String("Healthy")
}

func (g *group) describe(instances bool) types.AutoScalingGroup {
	described := types.AutoScalingGroup{
		AutoScalingGroupName: aws.String(g.Name), AutoScalingGroupARN: aws.String(g.ARN), CreatedTime: &g.Created, MinSize: aws.Int32(g.Min), MaxSize: aws.Int32(g.Max),
		DesiredCapacity: aws.Int32(g.Desired), DefaultCooldown: aws.Int32(g.Cooldown), DefaultInstanceWarmup: g.Warmup, HealthCheckType: aws.String(g.Health),
		HealthCheckGracePeriod: aws.Int32(int32(g.Grace.Seconds())), LaunchTemplate: g.Template.describe(), AvailabilityZones: g.zones(),
		VPCZoneIdentifier: aws.String(g.subnetList()), TargetGroupARNs: g.Targets, TerminationPolicies: g.Policies,
		NewInstancesProtectedFromScaleIn: aws.Bool(g.Protected), Tags: g.describeTags(), LoadBalancerNames: []string{}, CapacityRebalance: aws.Bool(false),
		ServiceLinkedRoleARN: aws.String(cloud.ARN("iam", "", "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")),
		TrafficSources:       g.trafficSources(), AvailabilityZoneDistribution: &types.AvailabilityZoneDistribution{CapacityDistributionStrategy: cmp.Or(g.Distribution, types.CapacityDistributionStrategyBalancedBestEffort)},
		Instances: []types.Instance{}, EnabledMetrics: []types.EnabledMetric{}, SuspendedProcesses: []types.SuspendedProcess{},
	}
	if m := g.Maintenance; m != nil {
		described.InstanceMaintenancePolicy = &types.InstanceMaintenancePolicy{MinHealthyPercentage: aws.Int32(int32(m.Min)), MaxHealthyPercentage: aws.Int32(int32(m.Max))}
	}
	for _, metric := range g.Metrics {
		described.EnabledMetrics = append(described.EnabledMetrics, types.EnabledMetric{Metric: aws.String(metric), Granularity: aws.String("1Minute")})
	}
	for _, process := range g.Suspended {
		described.SuspendedProcesses = append(described.SuspendedProcesses, types.SuspendedProcess{ProcessName: aws.String(process), SuspensionReason: aws.String("User suspended")})
	}
	for _, m := range g.Members {
		if !instances {
			break
		}
		described.Instances = append(described.Instances, types.Instance{
			InstanceId: aws.String(m.ID), InstanceType: aws.String(m.Type), AvailabilityZone: aws.String(m.Zone), LifecycleState: m.State, HealthStatus: m.health(),
			ProtectedFromScaleIn: aws.Bool(m.Protected), LaunchTemplate: m.Template.describe(),
		})
	}
	return described
}

func (g *group) subnetList() string {
	var ids []string
	for _, s := range g.Subnets {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ",")
}

func (g *group) trafficSources() (sources []types.TrafficSourceIdentifier) {
	for _, arn := range g.Targets {
		sources = append(sources, types.TrafficSourceIdentifier{Identifier: aws.String(arn), Type: aws.String("elbv2")})
	}
	return sources
}

// DescribeAutoScalingGroups returns groups by name, by tag, or all.
func (s *Service) DescribeAutoScalingGroups(ctx context.Context, in *autoscaling.DescribeAutoScalingGroupsInput) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	matches, err := tagFilter(in.Filters)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: []types.AutoScalingGroup{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(g *group) bool {
			return !matches(g.Tags) || len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, g.Name)
		})
		page, next, err := paged(all, func(g *group) string { return g.Name }, in.NextToken, in.MaxRecords, 50)
		for _, g := range page {
			described := g.describe(in.IncludeInstances == nil || *in.IncludeInstances)
			if g.Deleting {
				described.Status = aws.String("Delete in progress")
			}
			out.AutoScalingGroups = append(out.AutoScalingGroups, described)
		}
		out.NextToken = next
		return err
	})
}

// tagFilter understands the filters tag-key, tag-value and tag:<key>.
func tagFilter(filters []types.Filter) (func([]tag) bool, error) {
	for _, f := range filters {
		if name := text(f.Name); name != "tag-key" && name != "tag-value" && !strings.HasPrefix(name, "tag:") {
			return nil, invalid("Filter type %s is not correct. Allowed Filter types are: tag-key tag-value tag:<key>", name)
		}
	}
	return func(tags []tag) bool {
		for _, f := range filters {
			if !slices.ContainsFunc(tags, func(t tag) bool { return tagMatches(f, t) }) {
				return false
			}
		}
		return true
	}, nil
}

func tagMatches(f types.Filter, t tag) bool {
	switch name := text(f.Name); name {
	case "tag-key":
		return slices.Contains(f.Values, t.Key)
	case "tag-value":
		return slices.Contains(f.Values, t.Value)
	default:
		return name == "tag:"+t.Key && slices.Contains(f.Values, t.Value)
	}
}

// DescribeAutoScalingInstances returns members of any group.
func (s *Service) DescribeAutoScalingInstances(ctx context.Context, in *autoscaling.DescribeAutoScalingInstancesInput) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	out := &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []types.AutoScalingInstanceDetails{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		var details []types.AutoScalingInstanceDetails
		for _, g := range all {
			for _, m := range g.Members {
				if len(in.InstanceIds) == 0 || slices.Contains(in.InstanceIds, m.ID) {
					details = append(details, types.AutoScalingInstanceDetails{
						InstanceId: aws.String(m.ID), AutoScalingGroupName: aws.String(g.Name), AvailabilityZone: aws.String(m.Zone), InstanceType: aws.String(m.Type),
						LifecycleState: aws.String(string(m.State)), HealthStatus: aws.String(strings.ToUpper(*m.health())), ProtectedFromScaleIn: aws.Bool(m.Protected), LaunchTemplate: m.Template.describe(),
					})
				}
			}
		}
		slices.SortFunc(details, func(a, b types.AutoScalingInstanceDetails) int { return strings.Compare(*a.InstanceId, *b.InstanceId) })
		out.AutoScalingInstances, out.NextToken, err = paged(details, func(d types.AutoScalingInstanceDetails) string { return *d.InstanceId }, in.NextToken, in.MaxRecords, 50)
		return err
	})
}

// DescribeScalingActivities returns the newest activities first, of one group or of all.
func (s *Service) DescribeScalingActivities(ctx context.Context, in *autoscaling.DescribeScalingActivitiesInput) (*autoscaling.DescribeScalingActivitiesOutput, error) {
	_ = in.IncludeDeletedGroups // activities of deleted groups are kept and told either way
	out := &autoscaling.DescribeScalingActivitiesOutput{Activities: []types.Activity{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		region := cloud.RegionOf(ctx)
		if in.AutoScalingGroupName != nil && !aws.ToBool(in.IncludeDeletedGroups) {
			if found, err := groups.Get(tx, region, *in.AutoScalingGroupName); err != nil {
				return err
			} else if found == nil {
				return invalid("AutoScalingGroup name not found - AutoScalingGroup %s not found", *in.AutoScalingGroupName)
			}
		}
		all, err := activities.List(tx, region)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(a *activity) bool {
			return in.AutoScalingGroupName != nil && a.Group != *in.AutoScalingGroupName || len(in.ActivityIds) > 0 && !slices.Contains(in.ActivityIds, a.ID)
		})
		page, next, err := paged(all, (*activity).key, in.NextToken, in.MaxRecords, 100)
		for _, a := range page {
			found, err := groups.Get(tx, region, a.Group)
			if err != nil {
				return err
			}
			state := ""
			if found == nil || found.ARN != a.GroupARN {
				state = "Deleted"
			}
			out.Activities = append(out.Activities, a.describe(state))
		}
		out.NextToken = next
		return err
	})
}
