package arczonalshift

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift/types"

	"haven/lab/cloud"
	"haven/lab/services/elasticloadbalancingv2"
)

// GetManagedResource tells where a resource's traffic goes.
func (s *Service) GetManagedResource(ctx context.Context, in *arczonalshift.GetManagedResourceInput) (*arczonalshift.GetManagedResourceOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &arczonalshift.GetManagedResourceOutput{ZonalAutoshiftStatus: types.ZonalAutoshiftStatusDisabled, Autoshifts: []types.AutoshiftInResource{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		resource, err := s.find(tx, region, *in.ResourceIdentifier)
		if err != nil {
			return err
		}
		out.Arn, out.Name = &resource.ARN, &resource.Name
		out.AppliedWeights, out.ZonalShifts, err = s.applied(tx, region, resource)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// applied returns how much traffic goes to each of the resource's zones, by their ids, and the shifts that make it so.
func (s *Service) applied(tx *cloud.Tx, region string, resource elasticloadbalancingv2.Managed) (map[string]float32, []types.ZonalShiftInResource, error) {
	weights, active := map[string]float32{}, []types.ZonalShiftInResource{}
	for _, zone := range resource.Zones {
		weights[cloud.ZoneID(zone)] = 1
	}
	all, err := shifts.List(tx, region)
	if err != nil {
		return nil, nil, err
	}
	for _, one := range all {
		if one.Resource != resource.ARN || !one.active(s.now()) {
			continue
		}
		weights[cloud.ZoneID(one.Zone)] = 0
		active = append(active, types.ZonalShiftInResource{
			AppliedStatus: types.AppliedStatusApplied, AwayFrom: aws.String(cloud.ZoneID(one.Zone)), Comment: &one.Comment, ExpiryTime: &one.Expires,
			ResourceIdentifier: &one.Resource, StartTime: &one.Started, ZonalShiftId: &one.ID,
		})
	}
	return weights, active, nil
}

// ListManagedResources lists what shifts can be started for.
func (s *Service) ListManagedResources(ctx context.Context, in *arczonalshift.ListManagedResourcesInput) (*arczonalshift.ListManagedResourcesOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &arczonalshift.ListManagedResourcesOutput{Items: []types.ManagedResourceSummary{}}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := s.resources.Managed(tx, region)
		if err != nil {
			return err
		}
		key := func(r elasticloadbalancingv2.Managed) string { return r.ARN }
		slices.SortFunc(all, func(a, b elasticloadbalancingv2.Managed) int { return strings.Compare(a.ARN, b.ARN) })
		cut, next, err := page(all, key, in.NextToken, in.MaxResults)
		if err != nil {
			return err
		}
		out.NextToken = next
		for _, resource := range cut {
			summary := types.ManagedResourceSummary{
				Arn: aws.String(resource.ARN), Name: aws.String(resource.Name), Autoshifts: []types.AutoshiftInResource{},
				ZonalAutoshiftStatus: types.ZonalAutoshiftStatusDisabled, PracticeRunStatus: types.ZonalAutoshiftStatusDisabled,
			}
			for _, zone := range resource.Zones {
				summary.AvailabilityZones = append(summary.AvailabilityZones, cloud.ZoneID(zone))
			}
			if summary.AppliedWeights, summary.ZonalShifts, err = s.applied(tx, region, resource); err != nil {
				return err
			}
			out.Items = append(out.Items, summary)
		}
		return nil
	})
	return out, err
}

// page cuts one page; they hold a hundred items unless told otherwise.
func page[T any](items []T, key func(T) string, token *string, size *int32) ([]T, *string, error) {
	limit := 100
	if size != nil {
		limit = int(*size)
	}
	cut, next, err := cloud.Page(items, key, aws.ToString(token), limit)
	if err != nil {
		return nil, nil, invalid(types.ValidationExceptionReasonInvalidToken, "The token '%s' is not valid", aws.ToString(token))
	}
	if next == "" {
		return cut, nil, nil
	}
	return cut, aws.String(next), nil
}

// cloudKey writes a number so that texts are in its order.
func cloudKey(number int64) string { return fmt.Sprintf("%020d", number) }
