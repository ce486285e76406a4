package conformance_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// longVariable asks for tests that take minutes, because alarms on EC2's and balancers' own metrics do.
const longVariable = "HAVEN_CONFORMANCE_LONG"

// patience is more than the three minutes that the upper alarm of target tracking needs.
const patience = 8 * time.Minute

func long(t *testing.T) {
	if os.Getenv(longVariable) == "" {
		t.Skipf("takes minutes: set %s to run it", longVariable)
	}
}

// measured makes a group of one with detailed monitoring and a target tracking policy, as the web tier declares them.
func measured(t *testing.T, n *world.Network, target float64, metric *types.PredefinedMetricSpecification, groups ...string) *group {
	t.Helper()
	g := newGroup(t, n, 1, func(in *autoscaling.CreateAutoScalingGroupInput) { in.TargetGroupARNs = groups })
	g.policy(&autoscaling.PutScalingPolicyInput{PolicyName: aws.String("track"), PolicyType: aws.String("TargetTrackingScaling"),
		TargetTrackingConfiguration: &types.TargetTrackingConfiguration{TargetValue: &target, PredefinedMetricSpecification: metric}})
	g.size("the group to come up", 1)
	return g
}

func (g *group) grows() {
	g.t.Helper()
	begun := time.Now()
	world.Wait(g.t, "the group to grow", patience, func() error {
		if *g.describe().DesiredCapacity > 1 {
			return nil
		}
		out, err := cloudwatch.NewFromConfig(g.World.Config).DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("TargetTracking-" + g.name + "-AlarmHigh")})
		if err == nil {
			err = fmt.Errorf("its alarm is %s: %s", out.MetricAlarms[0].StateValue, *out.MetricAlarms[0].StateReason)
		}
		return err
	})
	g.t.Logf("it grew to %d after %s", *g.describe().DesiredCapacity, time.Since(begun).Round(time.Second))
	g.activity("Launching a new EC2 instance: i-", "a monitor alarm TargetTracking-"+g.name+"-AlarmHigh-")
}

// The target is low, so that the instance passes it on a machine that others use, too.
func TestMeasuredProcessorUseAddsInstances(t *testing.T) {
	long(t)
	t.Parallel()
	w := world.Open(t)
	g := measured(t, w.Network(t, "a", "b"), 1, &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricTypeASGAverageCPUUtilization})
	w.MustShell(t, g.ids()[0], "printf '[Service]\nExecStart=/bin/sh -c \"while :; do :; done\"\n' >/etc/systemd/system/busy.service && systemctl daemon-reload && systemctl start busy.service")
	g.grows()
}

func TestMeasuredRequestsAddInstances(t *testing.T) {
	long(t)
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	b := n.Balancer(t)
	_, balancer, _ := strings.Cut(b.ARN, ":loadbalancer/")
	label := balancer + "/" + b.Group[strings.LastIndex(b.Group, ":")+1:]
	g := measured(t, n, 60, &types.PredefinedMetricSpecification{PredefinedMetricType: types.MetricTypeALBRequestCountPerTarget, ResourceLabel: &label}, b.Group)
	node, done := b.Nodes(t)[0], make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for client := world.Client(node); ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
			if response, err := client.Get("http://site.test/"); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}
	}()
	g.grows()
	require.LessOrEqual(t, *g.describe().DesiredCapacity, int32(6), "not over its greatest size")
}
