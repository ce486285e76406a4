package elasticloadbalancingv2

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// DescribeTargetGroups lists target groups: all, those asked for, or those of a balancer.
func (s *Service) DescribeTargetGroups(ctx context.Context, in *elasticloadbalancingv2.DescribeTargetGroupsInput) (*elasticloadbalancingv2.DescribeTargetGroupsOutput, error) {
	out := &elasticloadbalancingv2.DescribeTargetGroupsOutput{TargetGroups: []types.TargetGroup{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		wanted, err := groupFilter(tx, region, in)
		if err != nil {
			return err
		}
		found, err := under(targetGroups, tx, region, wanted)
		if err != nil {
			return err
		}
		if err := allNamed(in.Names, found, func(g *targetGroup) string { return *g.TargetGroupName }, "TargetGroupNotFound", "One or more target groups not found: '%s'"); err != nil {
			return err
		}
		found, out.NextMarker, err = page(found, func(g *targetGroup) string { return *g.TargetGroupArn }, in.Marker, in.PageSize)
		if err != nil {
			return err
		}
		for _, g := range found {
			described, err := g.describe(tx, region)
			if err != nil {
				return err
			}
			out.TargetGroups = append(out.TargetGroups, described)
		}
		return nil
	})
	return out, err
}

func groupFilter(tx *cloud.Tx, region string, in *elasticloadbalancingv2.DescribeTargetGroupsInput) (func(*targetGroup) bool, error) {
	for _, arn := range in.TargetGroupArns {
		if _, err := findGroup(tx, region, &arn); err != nil {
			return nil, err
		}
	}
	if in.LoadBalancerArn != nil {
		if _, err := findBalancer(tx, region, in.LoadBalancerArn); err != nil {
			return nil, err
		}
		using, err := balancersUsing(tx, region)
		return func(g *targetGroup) bool { return contains(using[*g.TargetGroupArn], in.LoadBalancerArn) }, err
	}
	arns, names := in.TargetGroupArns, in.Names
	return func(g *targetGroup) bool {
		return len(arns)+len(names) == 0 || contains(arns, g.TargetGroupArn) || contains(names, g.TargetGroupName)
	}, nil
}

func (g *targetGroup) describe(tx *cloud.Tx, region string) (types.TargetGroup, error) {
	using, err := balancersUsing(tx, region)
	described := g.TargetGroup
	described.LoadBalancerArns = using[*g.TargetGroupArn]
	return described, err
}

// balancersUsing maps the ARN of each target group in use to those of the balancers that forward to it.
func balancersUsing(tx *cloud.Tx, region string) (map[string][]string, error) {
	using := map[string]map[string]bool{}
	note := func(balancer string, actions []types.Action) {
		for _, group := range forwardedGroups(actions) {
			if using[group] == nil {
				using[group] = map[string]bool{}
			}
			using[group][balancer] = true
		}
	}
	all, err := listeners.List(tx, region)
	if err != nil {
		return nil, err
	}
	balancerOf := map[string]string{}
	for _, l := range all {
		balancerOf[*l.ListenerArn] = *l.LoadBalancerArn
		note(*l.LoadBalancerArn, l.DefaultActions)
	}
	further, err := rules.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, r := range further {
		note(balancerOf[r.Listener], r.Actions)
	}
	sorted := map[string][]string{}
	for group, balancers := range using {
		sorted[group] = slices.Sorted(maps.Keys(balancers))
	}
	return sorted, nil
}

// forwardedGroups lists the ARNs of the target groups that actions forward to.
func forwardedGroups(actions []types.Action) []string {
	var arns []string
	for _, action := range actions {
		if action.ForwardConfig == nil {
			continue
		}
		for _, tuple := range action.ForwardConfig.TargetGroups {
			arns = append(arns, aws.ToString(tuple.TargetGroupArn))
		}
	}
	return arns
}

// DescribeTargetGroupAttributes returns every attribute with its value.
func (s *Service) DescribeTargetGroupAttributes(ctx context.Context, in *elasticloadbalancingv2.DescribeTargetGroupAttributesInput) (*elasticloadbalancingv2.DescribeTargetGroupAttributesOutput, error) {
	out := &elasticloadbalancingv2.DescribeTargetGroupAttributesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err == nil {
			out.Attributes = g.describeAttributes()
		}
		return err
	})
	return out, err
}

func (g *targetGroup) describeAttributes() (all []types.TargetGroupAttribute) {
	groupAttributes.all(g.Attributes, func(key, value string) {
		all = append(all, types.TargetGroupAttribute{Key: aws.String(key), Value: aws.String(value)})
	})
	return all
}

// ModifyTargetGroupAttributes sets attributes, all or none.
func (s *Service) ModifyTargetGroupAttributes(ctx context.Context, in *elasticloadbalancingv2.ModifyTargetGroupAttributesInput) (*elasticloadbalancingv2.ModifyTargetGroupAttributesOutput, error) {
	out := &elasticloadbalancingv2.ModifyTargetGroupAttributesOutput{}
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err != nil {
			return err
		}
		for _, attribute := range in.Attributes {
			if err := groupAttributes.set(g.Attributes, aws.ToString(attribute.Key), aws.ToString(attribute.Value)); err != nil {
				return err
			}
		}
		if err := g.checkAttributes(); err != nil {
			return err
		}
		out.Attributes = g.describeAttributes()
		return targetGroups.Put(tx, region, *g.TargetGroupArn, g)
	})
	return out, err
}

// checkAttributes checks what attributes must not be together
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html).
func (g *targetGroup) checkAttributes() error {
	value := func(key string) string { return groupAttributes.value(g.Attributes, key) }
	algorithm := value("load_balancing.algorithm.type")
	if value("slow_start.duration_seconds") != "0" && algorithm != "round_robin" {
		return cloud.Errorf(codeConfig, "Slow start mode cannot be enabled with the load balancing algorithm '%s'", algorithm)
	}
	if value("stickiness.enabled") == "true" && value("load_balancing.cross_zone.enabled") == "false" {
		return cloud.Errorf(codeConfig, "Stickiness cannot be enabled while cross-zone load balancing is disabled")
	}
	for _, kind := range []string{"count", "percentage"} {
		dns, routing := "target_group_health.dns_failover.minimum_healthy_targets."+kind, "target_group_health.unhealthy_state_routing.minimum_healthy_targets."+kind
		if value(dns) != "off" && value(routing) != "off" && groupAttributes.number(g.Attributes, dns) < groupAttributes.number(g.Attributes, routing) {
			return cloud.Errorf(codeConfig, "The value of '%s' must be greater than or equal to the value of '%s'", dns, routing)
		}
	}
	if strings.HasPrefix(value("stickiness.app_cookie.cookie_name"), "AWSALB") {
		return cloud.Errorf(codeConfig, "The application cookie name '%s' is reserved", value("stickiness.app_cookie.cookie_name"))
	}
	if value("stickiness.enabled") == "true" && value("stickiness.type") == "app_cookie" && value("stickiness.app_cookie.cookie_name") == "" {
		return cloud.Errorf(codeConfig, "The value of 'stickiness.app_cookie.cookie_name' cannot be empty with application-based stickiness")
	}
	return nil
}
