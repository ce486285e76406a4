package elasticloadbalancingv2

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// groupSuffix is "targetgroup/<name>/<id>".
func groupSuffix(arn string) string { return arn[strings.Index(arn, "targetgroup/"):] }

// DescribeSSLPolicies lists the predefined security policies that the nodes know.
func (s *Service) DescribeSSLPolicies(_ context.Context, in *elasticloadbalancingv2.DescribeSSLPoliciesInput) (*elasticloadbalancingv2.DescribeSSLPoliciesOutput, error) {
	out := &elasticloadbalancingv2.DescribeSSLPoliciesOutput{SslPolicies: []types.SslPolicy{}}
	if in.LoadBalancerType != "" && in.LoadBalancerType != types.LoadBalancerTypeEnumApplication {
		return nil, unsupported("policies of load balancers of type '%s'", in.LoadBalancerType)
	}
	for _, name := range in.Names {
		if _, ok := balancer.FindPolicy(name); !ok {
			return nil, cloud.Errorf("SSLPolicyNotFound", "SSL policy '%s' not found", name)
		}
	}
	var wanted []types.SslPolicy
	for _, policy := range balancer.Policies() {
		if len(in.Names) == 0 || slices.Contains(in.Names, policy.Name) {
			wanted = append(wanted, describePolicy(policy))
		}
	}
	slices.SortFunc(wanted, func(a, b types.SslPolicy) int { return strings.Compare(*a.Name, *b.Name) })
	var err error
	out.SslPolicies, out.NextMarker, err = page(wanted, func(p types.SslPolicy) string { return *p.Name }, in.Marker, in.PageSize)
	return out, err
}

func describePolicy(policy balancer.Policy) types.SslPolicy {
	described := types.SslPolicy{Name: aws.String(policy.Name), SslProtocols: policy.Protocols, SupportedLoadBalancerTypes: []string{"application"}}
	for i, cipher := range policy.Ciphers {
		described.Ciphers = append(described.Ciphers, types.Cipher{Name: aws.String(cipher), Priority: aws.Int32(int32(i + 1))})
	}
	return described
}

// DescribeAccountLimits lists the quotas that the lab enforces.
func (s *Service) DescribeAccountLimits(_ context.Context, in *elasticloadbalancingv2.DescribeAccountLimitsInput) (*elasticloadbalancingv2.DescribeAccountLimitsOutput, error) {
	limits := []struct {
		name string
		most int
	}{
		{"application-load-balancers", maxBalancers},
		{"certificates-per-application-load-balancer", maxCertificates},
		{"condition-values-per-alb-rule", maxConditionValues},
		{"listeners-per-application-load-balancer", maxListeners},
		{"rules-per-application-load-balancer", maxRules},
		{"target-groups", maxGroups},
		{"target-groups-per-action-on-application-load-balancer", maxActionGroups},
		{"targets-per-application-load-balancer", maxTargetsPerGroup},
	}
	var all []types.Limit
	for _, limit := range limits {
		all = append(all, types.Limit{Name: aws.String(limit.name), Max: aws.String(strconv.Itoa(limit.most))})
	}
	out := &elasticloadbalancingv2.DescribeAccountLimitsOutput{}
	var err error
	out.Limits, out.NextMarker, err = page(all, func(l types.Limit) string { return *l.Name }, in.Marker, in.PageSize)
	return out, err
}
