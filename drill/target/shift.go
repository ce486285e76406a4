package target

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	shifttypes "github.com/aws/aws-sdk-go-v2/service/arczonalshift/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// takesShifts is the attribute of load balancers that take part in zonal shifts.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-zonal-shift.html
const takesShifts = "zonal_shift.config.enabled"

// ShiftComment is the comment of drills' zonal shifts. Those of operators are never touched.
const ShiftComment = "haven drill"

// CancelShift ends the zonal shift that a drill has started for a load balancer; it is no error that there is none.
func (e *Environment) CancelShift(ctx context.Context, balancer string) error {
	client := arczonalshift.NewFromConfig(e.Config)
	out, err := client.ListZonalShifts(ctx, &arczonalshift.ListZonalShiftsInput{ResourceIdentifier: &balancer, Status: shifttypes.ZonalShiftStatusActive})
	if err != nil {
		return err
	}
	for _, one := range out.Items {
		if aws.ToString(one.Comment) != ShiftComment {
			continue
		}
		if _, err := client.CancelZonalShift(ctx, &arczonalshift.CancelZonalShiftInput{ZonalShiftId: one.ZonalShiftId}); err != nil {
			return err
		}
	}
	return nil
}

// TakesShifts tells whether a load balancer takes part in zonal shifts.
func (e *Environment) TakesShifts(ctx context.Context, balancer string) (bool, error) {
	out, err := elb.NewFromConfig(e.Config).DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: &balancer})
	if err != nil {
		return false, err
	}
	for _, one := range out.Attributes {
		if *one.Key == takesShifts {
			return aws.ToString(one.Value) == "true", nil
		}
	}
	return false, nil
}

// TakeShifts has a load balancer take part in zonal shifts, or no longer.
func (e *Environment) TakeShifts(ctx context.Context, balancer string, on bool) error {
	_, err := elb.NewFromConfig(e.Config).ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &balancer, Attributes: []elbtypes.LoadBalancerAttribute{{Key: aws.String(takesShifts), Value: aws.String(strconv.FormatBool(on))}},
	})
	return err
}
