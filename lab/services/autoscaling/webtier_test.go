package autoscaling_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/stretchr/testify/require"

	"haven/lab/metric"
	"haven/lab/services/autoscaling"
	"haven/lab/services/cloudwatch"
	"haven/lab/wire/wiretest"
)

// joined is a bench whose alarms are CloudWatch's own.
func joined(t *testing.T) (b *bench, watch *cloudwatch.Service) {
	b = newBench(t, func(b *bench) {
		var err error
		watch, err = cloudwatch.New(b.store, filepath.Join(t.TempDir(), "metrics.db"), slog.Default())
		require.NoError(t, err)
		b.watch.service.Use(autoscaling.WithAlarms(watch))
		watch.OnAction("autoscaling", func(ctx context.Context, a cloudwatch.Action) error {
			return b.watch.service.ExecuteAlarm(ctx, a.Region, a.ActionARN, autoscaling.Breach{
				AlarmName: a.AlarmName, AlarmARN: a.AlarmARN, Old: string(a.Old), New: string(a.New), Value: a.Value, Values: a.Breaching, Threshold: a.Threshold, At: a.At})
		})
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watch.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		require.NoError(t, watch.Close())
	})
	return b, watch
}

// past records a value in each of the last minutes, as what is measured would have been.
func past(watch *cloudwatch.Service, minutes int, d metric.Datum) {
	for i := range minutes + 1 {
		d.Time = time.Now().Truncate(time.Minute).Add(-time.Duration(i) * time.Minute)
		watch.Record(wiretest.Region, d)
	}
}

// The web tier declares target tracking of processor use and of requests for each target (components/webtier): each
// grows the group when EC2's or the balancer's measurements are above its target for three minutes, and the two together
// shrink it when both are low for fifteen.
func TestTheWebTiersDeclarationsFollowWhatIsMeasured(t *testing.T) {
	const processor, requests = 60, 10800
	cpu := metric.Datum{Namespace: "AWS/EC2", Name: "CPUUtilization", Unit: "Percent", Dimensions: []metric.Dimension{{Name: "AutoScalingGroupName", Value: web}}}
	count := metric.Datum{Namespace: "AWS/ApplicationELB", Name: "RequestCountPerTarget", Unit: "Count", Dimensions: []metric.Dimension{
		{Name: "TargetGroup", Value: "targetgroup/web/943f017f100becff"}, {Name: "LoadBalancer", Value: "app/web/50dc6c495c0c9188"}}}
	for name, c := range map[string]struct {
		cpu, requests float64
		want          int32 // of three, between one and six
	}{
		"processors are busy":        {cpu: 90, requests: 5000, want: 5},
		"requests are many":          {cpu: 20, requests: 15000, want: 5},
		"both are low":               {cpu: 30, requests: 3000, want: 2},
		"only the processors rest":   {cpu: 10, requests: 10000, want: 3},
		"both are just at the start": {cpu: 60, requests: 10800, want: 3},
	} {
		t.Run(name, func(t *testing.T) {
			b, watch := joined(t)
			b.create(3, noWarmup, func(in *sdk.CreateAutoScalingGroupInput) { in.MinSize, in.MaxSize = aws.Int32(1), aws.Int32(6) })
			b.become(inService(3))
			cpu.Values, count.Values = []float64{c.cpu}, []float64{c.requests}
			put := func() {
				for policy, edit := range map[string]func(*types.TargetTrackingConfiguration){
					"cpu": predefined(types.MetricTypeASGAverageCPUUtilization, ""), "requests": predefined(types.MetricTypeALBRequestCountPerTarget, label),
				} {
					_, err := b.track(policy, func(tracked *types.TargetTrackingConfiguration) {
						edit(tracked)
						tracked.TargetValue, tracked.DisableScaleIn = aws.Float64(processor), aws.Bool(false)
						if policy == "requests" {
							tracked.TargetValue = aws.Float64(requests)
						}
					})
					require.NoError(t, err)
				}
			}
			put() // both, before anything was measured: one alone would act at once
			past(watch, 20, cpu)
			past(watch, 20, count)
			put() // alarms are evaluated at once when they are made
			if c.want == 3 {
				time.Sleep(3 * time.Second)
				require.EqualValues(t, 3, *b.group().DesiredCapacity)
				return
			}
			require.Eventually(t, func() bool { return *b.group().DesiredCapacity == c.want }, 90*time.Second, 100*time.Millisecond, "%d are wanted", c.want)
			// What is measured here stays low, whatever follows: a slow machine may see the next step before the last is done.
			require.Eventually(t, func() bool {
				return fmt.Sprint(b.states()) == fmt.Sprint(inService(int(*b.group().DesiredCapacity)))
			}, time.Minute, 100*time.Millisecond, "members follow what is wanted")
		})
	}
}
