package cloudwatchlogs

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatchlogs/journal"
)

var (
	metricFilters    = cloud.NewTable[types.MetricFilter]("logs.metricFilters")
	resourcePolicies = cloud.NewTable[types.ResourcePolicy]("logs.resourcePolicies")
)

const maxResourcePolicies = 10 // of a region

func filtersOf(tx *cloud.Tx, region, group string) ([]*types.MetricFilter, error) {
	all, err := metricFilters.List(tx, region)
	return slices.DeleteFunc(all, func(f *types.MetricFilter) bool { return *f.LogGroupName != group }), err
}

func deleteFilters(tx *cloud.Tx, region, group string) error {
	own, err := filtersOf(tx, region, group)
	if err != nil {
		return err
	}
	for _, filter := range own {
		if err := metricFilters.Delete(tx, region, streamID(group, *filter.FilterName)); err != nil {
			return err
		}
	}
	return nil
}

// PutResourcePolicy keeps a policy that says which services may log.
func (s *Service) PutResourcePolicy(ctx context.Context, in *cloudwatchlogs.PutResourcePolicyInput) (*cloudwatchlogs.PutResourcePolicyOutput, error) {
	if in.PolicyName == nil || !json.Valid([]byte(aws.ToString(in.PolicyDocument))) {
		return nil, cloud.Errorf("InvalidParameterException", "A resource policy needs a name, and a document that is JSON.")
	}
	region := cloud.RegionOf(ctx)
	kept := &types.ResourcePolicy{PolicyName: in.PolicyName, PolicyDocument: in.PolicyDocument, LastUpdatedTime: aws.Int64(journal.Millis(s.now()))}
	return &cloudwatchlogs.PutResourcePolicyOutput{ResourcePolicy: kept}, s.store.Update(func(tx *cloud.Tx) error {
		all, err := resourcePolicies.List(tx, region)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(all, func(p *types.ResourcePolicy) bool { return *p.PolicyName == *in.PolicyName })
		if len(others) >= maxResourcePolicies {
			return cloud.Errorf("LimitExceededException", "Resource limit exceeded: %d resource policies in a region.", maxResourcePolicies)
		}
		return resourcePolicies.Put(tx, region, *in.PolicyName, kept)
	})
}

// DescribeResourcePolicies lists the policies.
func (s *Service) DescribeResourcePolicies(ctx context.Context, in *cloudwatchlogs.DescribeResourcePoliciesInput) (*cloudwatchlogs.DescribeResourcePoliciesOutput, error) {
	out := &cloudwatchlogs.DescribeResourcePoliciesOutput{ResourcePolicies: []types.ResourcePolicy{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := resourcePolicies.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		rows, next, err := page(all, func(p *types.ResourcePolicy) string { return *p.PolicyName }, in.NextToken, in.Limit, 50)
		out.NextToken = next
		for _, row := range rows {
			out.ResourcePolicies = append(out.ResourcePolicies, *row)
		}
		return err
	})
	return out, err
}

// DeleteResourcePolicy removes a policy.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *cloudwatchlogs.DeleteResourcePolicyInput) (*cloudwatchlogs.DeleteResourcePolicyOutput, error) {
	region := cloud.RegionOf(ctx)
	return &cloudwatchlogs.DeleteResourcePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		existing, err := resourcePolicies.Get(tx, region, aws.ToString(in.PolicyName))
		if err == nil && existing == nil {
			err = cloud.Errorf("ResourceNotFoundException", "Policy with name [%s] does not exist", aws.ToString(in.PolicyName))
		}
		if err != nil {
			return err
		}
		return resourcePolicies.Delete(tx, region, *in.PolicyName)
	})
}
