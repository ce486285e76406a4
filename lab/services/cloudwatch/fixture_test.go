package cloudwatch_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscw "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch"
	"haven/lab/wire/wiretest"
)

var background = context.Background()

// fixture is a CloudWatch whose clock the test moves.
type fixture struct {
	t       *testing.T
	dir     string
	store   *cloud.Store
	service *cloudwatch.Service
	client  *awscw.Client

	mu      sync.Mutex
	time    time.Time
	actions []cloudwatch.Action
	fail    int // how many actions are to fail
}

func start(t *testing.T) *fixture {
	f := &fixture{t: t, dir: t.TempDir(), time: time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)}
	f.open()
	return f
}

func (f *fixture) open() {
	store, err := cloud.Open(filepath.Join(f.dir, "store"))
	require.NoError(f.t, err)
	f.t.Cleanup(func() { store.Close() })
	log := slog.New(slog.NewTextHandler(f.t.Output(), nil))
	service, err := cloudwatch.New(store, filepath.Join(f.dir, "metrics.db"), log, cloudwatch.WithClock(f.machineTime))
	require.NoError(f.t, err)
	f.t.Cleanup(func() { service.Close() })
	for _, name := range []string{"sns", "autoscaling", "ec2"} {
		service.OnAction(name, f.act)
	}
	f.store, f.service = store, service
	f.client = awscw.NewFromConfig(wiretest.New(f.t, map[string]any{"cloudwatch": service}))
}

// reopen ends the service as a stop does, and starts it again over the same files.
func (f *fixture) reopen() {
	require.NoError(f.t, f.service.Close())
	require.NoError(f.t, f.store.Close())
	f.open()
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.time
}

// machineTime is now in a location of its own, as a machine's clock tells it.
func (f *fixture) machineTime() time.Time { return f.now().In(time.FixedZone("here", 2*60*60)) }

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.time = f.time.Add(d)
}

func (f *fixture) act(_ context.Context, a cloudwatch.Action) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail > 0 {
		f.fail--
		return errors.New("the topic is not there")
	}
	f.actions = append(f.actions, a)
	return nil
}

// done returns the actions that were carried out.
func (f *fixture) done() []cloudwatch.Action {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]cloudwatch.Action{}, f.actions...)
}

// put measures values now.
func (f *fixture) put(name string, values ...float64) {
	_, err := f.client.PutMetricData(background, &awscw.PutMetricDataInput{
		Namespace: aws.String("Haven"), MetricData: []types.MetricDatum{{MetricName: &name, Values: values, Timestamp: aws.Time(f.now())}},
	})
	require.NoError(f.t, err)
}

// alarm makes an alarm on the sum of a metric, above 10.
func (f *fixture) alarm(name, metric string, change func(*awscw.PutMetricAlarmInput)) {
	in := &awscw.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Haven"), MetricName: &metric, Statistic: types.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(10), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
	if change != nil {
		change(in)
	}
	_, err := f.client.PutMetricAlarm(background, in)
	require.NoError(f.t, err)
}

// evaluate evaluates every alarm that is due.
func (f *fixture) evaluate() {
	_, err := f.service.EvaluateAll()
	require.NoError(f.t, err)
}

// state returns an alarm's state and reason.
func (f *fixture) state(name string) (types.StateValue, string) {
	out, err := f.client.DescribeAlarms(background, &awscw.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: types.AlarmType("").Values()[:2],
	})
	require.NoError(f.t, err)
	if len(out.CompositeAlarms) == 1 {
		return out.CompositeAlarms[0].StateValue, *out.CompositeAlarms[0].StateReason
	}
	require.Len(f.t, out.MetricAlarms, 1)
	return out.MetricAlarms[0].StateValue, *out.MetricAlarms[0].StateReason
}

func (f *fixture) requireState(name string, want types.StateValue) {
	f.t.Helper()
	state, reason := f.state(name)
	require.Equal(f.t, want, state, reason)
}

// run runs the service in the background.
func (f *fixture) run() {
	ctx, cancel := context.WithCancel(background)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.service.Run(ctx)
	}()
	f.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// eventually waits for something that happens in the background.
func (f *fixture) eventually(what string, holds func() bool) {
	f.t.Helper()
	require.Eventually(f.t, holds, 20*time.Second, 10*time.Millisecond, what)
}

func (f *fixture) requireCode(code string, err error) string {
	f.t.Helper()
	var failure smithy.APIError
	require.ErrorAs(f.t, err, &failure)
	require.Equal(f.t, code, failure.ErrorCode(), failure.ErrorMessage())
	return failure.ErrorMessage()
}

// quantile is the value at a share of sorted values, by its definition.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(share*float64(len(sorted)))-1]
}
