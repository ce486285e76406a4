package conformance_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"

	"haven/lab/authority"
	"haven/lab/conformance/world"
)

// measures is CloudWatch with one namespace for a test.
type measures struct {
	*cloudwatch.Client
	t         *testing.T
	namespace string
}

func newMeasures(t *testing.T, w *world.World) measures {
	return measures{cloudwatch.NewFromConfig(w.Config), t, "Conformance/" + t.Name()}
}

// put measures values by the second.
func (m measures) put(name string, values ...float64) error {
	_, err := m.PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{Namespace: &m.namespace, MetricData: []types.MetricDatum{
		{MetricName: &name, Values: values, StorageResolution: aws.Int32(1)},
	}})
	return err
}

// alarm makes an alarm that is evaluated each ten seconds, on a metric's maximum above 10.
func (m measures) alarm(name, metric string, change func(*cloudwatch.PutMetricAlarmInput)) string {
	m.t.Helper()
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(m.t.Name() + "-" + name), Namespace: &m.namespace, MetricName: &metric, Statistic: types.StatisticMaximum, Period: aws.Int32(10),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(10), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
	if change != nil {
		change(in)
	}
	_, err := m.PutMetricAlarm(context.Background(), in)
	require.NoError(m.t, err)
	m.t.Cleanup(func() {
		m.DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{*in.AlarmName}})
	})
	return *in.AlarmName
}

func (m measures) state(name string) (types.StateValue, string, error) {
	out, err := m.DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	switch {
	case err != nil:
		return "", "", err
	case len(out.MetricAlarms) == 1:
		return out.MetricAlarms[0].StateValue, *out.MetricAlarms[0].StateReason, nil
	case len(out.CompositeAlarms) == 1:
		return out.CompositeAlarms[0].StateValue, *out.CompositeAlarms[0].StateReason, nil
	}
	return "", "", fmt.Errorf("there is no alarm %s", name)
}

func (m measures) await(name string, want types.StateValue) {
	m.t.Helper()
	world.Wait(m.t, name+" to be "+string(want), 2*time.Minute, func() error {
		state, reason, err := m.state(name)
		if err == nil && state != want {
			err = fmt.Errorf("it is %s: %s", state, reason)
		}
		return err
	})
}

func TestAMetricIsGotBackWithItsStatisticsAndPercentiles(t *testing.T) {
	t.Parallel()
	m := newMeasures(t, world.Open(t))
	var values []float64
	for i := range 100 {
		values = append(values, float64(i+1))
	}
	begun := time.Now().Truncate(time.Hour)
	require.NoError(t, m.put("Latency", values...))
	get := func(in cloudwatch.GetMetricStatisticsInput) types.Datapoint {
		in.Namespace, in.MetricName, in.StartTime, in.EndTime, in.Period = &m.namespace, aws.String("Latency"), &begun, aws.Time(begun.Add(2*time.Hour)), aws.Int32(7200)
		out, err := m.GetMetricStatistics(context.Background(), &in)
		require.NoError(t, err)
		require.Len(t, out.Datapoints, 1)
		return out.Datapoints[0]
	}
	plain := get(cloudwatch.GetMetricStatisticsInput{Statistics: types.Statistic("").Values()})
	require.Equal(t, []float64{100, 5050, 50.5, 1, 100}, []float64{*plain.SampleCount, *plain.Sum, *plain.Average, *plain.Minimum, *plain.Maximum})
	extended := get(cloudwatch.GetMetricStatisticsInput{ExtendedStatistics: []string{"p50", "p90", "p99"}}).ExtendedStatistics
	for name, want := range map[string]float64{"p50": 50, "p90": 90, "p99": 99} {
		require.InEpsilon(t, want, extended[name], 0.01, name)
	}
}

// The wrong declaration that must show: an alarm on a metric that nobody measures.
func TestMissingDataAndAMisspeltMetric(t *testing.T) {
	t.Parallel()
	m := newMeasures(t, world.Open(t))
	treat := func(how string) func(*cloudwatch.PutMetricAlarmInput) {
		return func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = &how }
	}
	require.NoError(t, m.put("Errors", 50))
	misspelt, breaching, fine := m.alarm("misspelt", "Erors", nil), m.alarm("breaching", "Erors", treat("breaching")), m.alarm("fine", "Erors", treat("notBreaching"))
	composite := t.Name() + "-both"
	_, err := m.PutCompositeAlarm(context.Background(), &cloudwatch.PutCompositeAlarmInput{
		AlarmName: &composite, AlarmRule: aws.String(fmt.Sprintf("ALARM(%q) AND OK(%q) AND NOT ALARM(%q)", breaching, fine, misspelt)),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		m.DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{composite}})
	})
	m.await(breaching, types.StateValueAlarm)
	m.await(fine, types.StateValueOk)
	m.await(composite, types.StateValueAlarm)
	world.Never(t, "the misspelt alarm leaves INSUFFICIENT_DATA", 12*time.Second, func() bool {
		state, _, err := m.state(misspelt)
		return err != nil || state != types.StateValueInsufficientData
	})
	_, reason, err := m.state(misspelt)
	require.NoError(t, err)
	require.Contains(t, reason, "unknown", "it says why")
	_, err = m.DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{fine}})
	require.ErrorContains(t, err, composite, "a composite alarm keeps those that it stands on")
}

// inbox is an HTTPS endpoint that confirms its subscription and keeps what alarms say.
type inbox struct {
	mu     sync.Mutex
	states []string
}

// ServeHTTP takes a message.
func (i *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var message struct{ Type, SubscribeURL, Message string }
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &message) != nil {
		return
	}
	if message.Type == "SubscriptionConfirmation" {
		visit(message.SubscribeURL)
		return
	}
	var alarm struct{ NewStateValue string }
	if json.Unmarshal([]byte(message.Message), &alarm) == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.states = append(i.states, alarm.NewStateValue)
	}
}

func (i *inbox) has(states ...string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if got := strings.Join(i.states, " "); !strings.Contains(got, strings.Join(states, " ")) {
		return fmt.Errorf("it got %q", got)
	}
	return nil
}

func visit(link string) error {
	response, err := http.Get(link)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", link, response.Status)
	}
	return nil
}

// serveTLS serves on loopback with a certificate of the lab's own authority.
func serveTLS(t *testing.T, w *world.World, handler http.Handler) string {
	issuer, err := authority.Open(w.Dir)
	require.NoError(t, err)
	certificate, key, err := issuer.Issue(nil, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

var confirmLink = regexp.MustCompile(`http://\S+`)

// mails returns the letters of an address, oldest first.
func mails(t *testing.T, w *world.World, address string) (letters []string) {
	paths, err := filepath.Glob(filepath.Join(w.Dir, "mailbox", address, "*.eml"))
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		letters = append(letters, strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(string(raw)))
	}
	return letters
}

func TestAnAlarmReachesAnHTTPSEndpointAndAMailbox(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	m, topics, ctx := newMeasures(t, w), sns.NewFromConfig(w.Config), context.Background()
	made, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("conformance-alarms")})
	require.NoError(t, err)
	t.Cleanup(func() { topics.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: made.TopicArn}) })
	hook := &inbox{}
	for protocol, endpoint := range map[string]string{"https": serveTLS(t, w, hook), "email": "ops@example.org"} {
		_, err := topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: made.TopicArn, Protocol: &protocol, Endpoint: &endpoint})
		require.NoError(t, err)
	}
	world.Wait(t, "the mail that asks to confirm", time.Minute, func() error {
		letters := mails(t, w, "ops@example.org")
		if len(letters) == 0 {
			return fmt.Errorf("the mailbox is empty")
		}
		return visit(confirmLink.FindString(letters[0]))
	})
	world.Wait(t, "both subscriptions to be confirmed", time.Minute, func() error {
		out, err := topics.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: made.TopicArn})
		if err == nil && out.Attributes["SubscriptionsConfirmed"] != "2" {
			err = fmt.Errorf("%s are", out.Attributes["SubscriptionsConfirmed"])
		}
		return err
	})
	name := m.alarm("errors", "Errors", func(in *cloudwatch.PutMetricAlarmInput) {
		in.EvaluationPeriods, in.DatapointsToAlarm, in.TreatMissingData = aws.Int32(3), aws.Int32(2), aws.String("notBreaching")
		in.AlarmActions, in.OKActions = []string{*made.TopicArn}, []string{*made.TopicArn}
	})
	m.await(name, types.StateValueOk)
	stop := keepPutting(t, m, "Errors", 50)
	m.await(name, types.StateValueAlarm)
	stop()
	world.Wait(t, "the endpoint to hear of the alarm", time.Minute, func() error { return hook.has("ALARM") })
	m.await(name, types.StateValueOk)
	world.Wait(t, "the endpoint to hear of its end", time.Minute, func() error { return hook.has("ALARM", "OK") })
	world.Wait(t, "the mailbox to have both", time.Minute, func() error {
		for _, subject := range []string{"Subject: ALARM: ", "Subject: OK: "} {
			if all := strings.Join(mails(t, w, "ops@example.org"), ""); !strings.Contains(all, subject) {
				return fmt.Errorf("there is no mail with %q", subject)
			}
		}
		return nil
	})
}

// keepPutting measures a value each second until stopped.
func keepPutting(t *testing.T, m measures, name string, value float64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			m.put(name, value) // one that fails is missing, as in life
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return stop
}

func TestLogLinesAreCountedByAMetricFilter(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	m, logs, ctx := newMeasures(t, w), cloudwatchlogs.NewFromConfig(w.Config), context.Background()
	group, stream := aws.String("/conformance/app"), aws.String("one")
	_, err := logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group})
	require.NoError(t, err)
	t.Cleanup(func() { logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group}) })
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream})
	require.NoError(t, err)
	_, err = logs.PutMetricFilter(ctx, &cloudwatchlogs.PutMetricFilterInput{
		LogGroupName: group, FilterName: aws.String("slow"), FilterPattern: aws.String(`{ $.status = 5* && $.seconds > 1 }`),
		MetricTransformations: []logtypes.MetricTransformation{{MetricNamespace: &m.namespace, MetricName: aws.String("Slow"), MetricValue: aws.String("$.seconds")}},
	})
	require.NoError(t, err)
	begun := time.Now().Truncate(time.Minute)
	var events []logtypes.InputLogEvent
	for _, line := range []string{`{"status":503,"seconds":2.5}`, `{"status":503,"seconds":0.5}`, `{"status":200,"seconds":9}`, `{"status":"500","seconds":1.5}`, "503"} {
		events = append(events, logtypes.InputLogEvent{Message: &line, Timestamp: aws.Int64(begun.UnixMilli())})
	}
	_, err = logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: events})
	require.NoError(t, err)
	out, err := m.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: &m.namespace, MetricName: aws.String("Slow"), StartTime: &begun, EndTime: aws.Time(begun.Add(time.Minute)), Period: aws.Int32(60),
		Statistics: []types.Statistic{types.StatisticSum, types.StatisticSampleCount},
	})
	require.NoError(t, err)
	require.Len(t, out.Datapoints, 1)
	require.Equal(t, []float64{4, 2}, []float64{*out.Datapoints[0].Sum, *out.Datapoints[0].SampleCount})
}

func TestAlarmsAndMeasurementsOutliveAKilledLab(t *testing.T) {
	w := world.OpenAlone(t)
	m := newMeasures(t, w)
	begun := time.Now().Truncate(time.Minute)
	require.NoError(t, m.put("Kept", 50))
	name := m.alarm("kept", "Kept", func(in *cloudwatch.PutMetricAlarmInput) {
		in.Period, in.TreatMissingData = aws.Int32(60), aws.String("ignore")
	})
	_, err := m.SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: types.StateValueAlarm, StateReason: aws.String("a test")})
	require.NoError(t, err)
	time.Sleep(12 * time.Second) // measurements may be lost that are younger than ten seconds
	w.Kill(t)
	require.NoError(t, w.Start())
	state, _, err := m.state(name)
	require.NoError(t, err)
	require.Equal(t, types.StateValueAlarm, state)
	out, err := m.GetMetricStatistics(context.Background(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: &m.namespace, MetricName: aws.String("Kept"), StartTime: &begun, EndTime: aws.Time(begun.Add(5 * time.Minute)), Period: aws.Int32(300),
		Statistics: []types.Statistic{types.StatisticMaximum},
	})
	require.NoError(t, err)
	require.Len(t, out.Datapoints, 1)
	require.Equal(t, 50.0, *out.Datapoints[0].Maximum)
}
