package webtier

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// threshold is the stated point at which the fleet grows.
type threshold struct {
	role   string
	metric string
	target float64
	label  pulumi.StringPtrInput
}

// RequestsPerMinute is the number of requests a minute and server at which the
// fleet grows: the stated share of what one server carries.
func RequestsPerMinute(load Load, scaleOutAt int) float64 {
	return float64(load.PerServer) * 60 * float64(scaleOutAt) / 100
}

// scaling adds servers before they are needed, by requests (known at once, by
// the balancer) and by processor use (the truth when requests are expensive).
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
func (b *builder) scaling() error {
	for _, t := range []threshold{
		{role: "cpu", metric: "ASGAverageCPUUtilization", target: float64(b.args.ScaleOutAt)},
		{
			role: "requests", metric: "ALBRequestCountPerTarget",
			target: RequestsPerMinute(b.args.Load, b.args.ScaleOutAt),
			label:  pulumi.Sprintf("%s/%s", b.args.Balancer.ARNSuffix, b.args.Balancer.TargetSuffix),
		},
	} {
		_, err := autoscaling.NewPolicy(b.ctx, b.logical(t.role), &autoscaling.PolicyArgs{
			AutoscalingGroupName: b.made.GroupName,
			PolicyType:           pulumi.String("TargetTrackingScaling"),
			TargetTrackingConfiguration: &autoscaling.PolicyTargetTrackingConfigurationArgs{
				TargetValue: pulumi.Float64(t.target),
				PredefinedMetricSpecification: &autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs{
					PredefinedMetricType: pulumi.String(t.metric), ResourceLabel: t.label,
				},
			},
		}, b.child)
		if err != nil {
			return fmt.Errorf("creating scaling policy %s: %w", t.role, err)
		}
	}
	return nil
}
