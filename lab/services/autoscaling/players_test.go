package autoscaling_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/services/autoscaling"
	"haven/lab/timeline"
	"haven/lab/wire/wiretest"
)

const topic = "arn:aws:sns:us-east-1:000000000000:events"

// post plays SNS: it keeps what was published, and has one topic.
type post struct {
	mu       sync.Mutex
	messages []map[string]any // with "Subject"
}

func (p *post) PublishMessage(_ context.Context, _, arn, subject, message string) error {
	if arn != topic {
		return cloud.Errorf("NotFound", "Topic does not exist")
	}
	told := map[string]any{}
	if err := json.Unmarshal([]byte(message), &told); err != nil {
		return err
	}
	told["Subject"] = subject
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, told)
	return nil
}

// find returns the first message whose member has the value; nil when there is none yet.
func (p *post) find(member, value string) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.messages {
		if m[member] == value {
			return m
		}
	}
	return nil
}

// watch plays CloudWatch: it keeps alarms whose states the test sets, and what was measured; and the timeline.
type watch struct {
	mu      sync.Mutex
	service *autoscaling.Service
	alarms  map[string]*cloudwatch.PutMetricAlarmInput
	states  map[string]cwtypes.StateValue
	data    map[string]float64
	events  []timeline.Event
}

func newWatch() *watch {
	return &watch{alarms: map[string]*cloudwatch.PutMetricAlarmInput{}, states: map[string]cwtypes.StateValue{}, data: map[string]float64{}}
}

func (w *watch) PutAlarm(_ *cloud.Tx, region string, in *cloudwatch.PutMetricAlarmInput) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alarms[*in.AlarmName] = in
	return cloud.ARN("cloudwatch", region, "alarm:"+*in.AlarmName), nil
}

func (w *watch) DeleteAlarm(_ *cloud.Tx, _, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.alarms, name)
	return nil
}

func (w *watch) AlarmState(_ *cloud.Tx, _, name string) (cwtypes.StateValue, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	state, ok := w.states[name]
	return state, ok, nil
}

func (w *watch) AlarmsFor(_ *cloud.Tx, region, action string) (map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]string{}
	for name, a := range w.alarms {
		if slices.Contains(a.AlarmActions, action) {
			found[name] = cloud.ARN("cloudwatch", region, "alarm:"+name)
		}
	}
	return found, nil
}

func (w *watch) set(name string, state cwtypes.StateValue) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states[name] = state
}

// alarm finds an alarm by what its name contains.
func (w *watch) alarm(part string) *cloudwatch.PutMetricAlarmInput {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, a := range w.alarms {
		if strings.Contains(name, part) {
			return a
		}
	}
	return nil
}

func (w *watch) Record(_ string, data ...metric.Datum) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range data {
		w.data[d.Namespace+"/"+d.Name] = d.Values[0]
	}
}

func (w *watch) tell(e timeline.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// ring has an alarm invoke its policy with a value of its metric.
func (w *watch) ring(t *testing.T, a *cloudwatch.PutMetricAlarmInput, value float64) {
	t.Helper()
	w.set(*a.AlarmName, cwtypes.StateValueAlarm)
	require.NoError(t, w.service.ExecuteAlarm(t.Context(), wiretest.Region, a.AlarmActions[0], autoscaling.Breach{
		AlarmName: *a.AlarmName, AlarmARN: "arn:" + *a.AlarmName, Old: "OK", New: "ALARM", Value: value, Threshold: *a.Threshold}))
}

func noWarmup(in *sdk.CreateAutoScalingGroupInput) { in.DefaultInstanceWarmup = aws.Int32(0) }
