package route53_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/dns"
	lab "haven/lab/services/route53"
	"haven/lab/timeline"
	"haven/lab/wire/wiretest"
)

// sink counts the newest value of each metric.
type sink struct {
	mu   sync.Mutex
	last map[string]float64
}

func (s *sink) Record(region string, data ...metric.Datum) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range data {
		s.last[region+" "+d.Name+" "+d.Dimensions[0].Value] = d.Values[0]
	}
}

type alarms struct{ state atomic.Value }

func (a *alarms) AlarmState(*cloud.Tx, string, string) (cloudwatch.StateValue, bool, error) {
	return a.state.Load().(cloudwatch.StateValue), true, nil
}

func TestAFailoverRecordFollowsItsHealthCheck(t *testing.T) {
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	names, measured, events := dns.NewTable(dns.Services{}), &sink{last: map[string]float64{}}, make(chan timeline.Event, 10)
	names.Replace([]dns.Record{{Name: "origin.test", Type: dns.TypeA, Values: []string{"127.0.0.1"}}})
	watched := &alarms{}
	watched.state.Store(cloudwatch.StateValueOk)
	service := lab.New(store, slog.New(slog.NewTextHandler(t.Output(), nil)))
	service.Metrics, service.Alarms, service.Tell = measured, watched, func(e timeline.Event) { events <- e }
	service.Probe(&net.Dialer{}, names)
	f := fixture{route53.NewFromConfig(wiretest.New(t, map[string]any{"route53": service})), service, store}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })

	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	made, err := f.CreateHealthCheck(ctx, &route53.CreateHealthCheckInput{CallerReference: aws.String("one"), HealthCheckConfig: &types.HealthCheckConfig{
		Type: types.HealthCheckTypeHttp, FullyQualifiedDomainName: aws.String("origin.test"), Port: aws.Int32(int32(number)), RequestInterval: aws.Int32(10), FailureThreshold: aws.Int32(1),
	}})
	require.NoError(t, err)
	id := made.HealthCheck.Id
	zone := f.zone(t, "haven.test", "")
	primary, secondary := record("www.haven.test", types.RRTypeA, "192.0.2.1"), record("www.haven.test", types.RRTypeA, "192.0.2.2")
	primary.Failover, primary.SetIdentifier, primary.HealthCheckId = types.ResourceRecordSetFailoverPrimary, aws.String("p"), id
	secondary.Failover, secondary.SetIdentifier = types.ResourceRecordSetFailoverSecondary, aws.String("s")
	require.NoError(t, f.change(zone, types.ChangeActionCreate, primary, secondary))
	missing := primary
	missing.HealthCheckId, missing.Name = aws.String("nobody"), aws.String("x.haven.test")
	require.ErrorContains(t, f.change(zone, types.ChangeActionCreate, missing), "NoSuchHealthCheck")

	answers := func() string {
		out, err := f.names()
		require.NoError(t, err)
		table := dns.NewTable(dns.Services{})
		table.Replace(out)
		return fmt.Sprint(table.Lookup(dns.Asker{}, "www.haven.test", dns.TypeA))
	}
	require.Equal(t, "[192.0.2.1]", answers())
	broken.Store(true)
	require.Eventually(t, func() bool { return answers() == "[192.0.2.2]" }, 25*time.Second, 50*time.Millisecond)
	require.Equal(t, timeline.Warning, (<-events).Severity)
	status, err := f.GetHealthCheckStatus(ctx, &route53.GetHealthCheckStatusInput{HealthCheckId: id})
	require.NoError(t, err)
	require.Contains(t, *status.HealthCheckObservations[0].StatusReport.Status, "Failure: HTTP Status Code 500")
	broken.Store(false)
	require.Eventually(t, func() bool { return answers() == "[192.0.2.1]" }, 25*time.Second, 50*time.Millisecond)
	require.Equal(t, timeline.Good, (<-events).Severity)
	reasons, err := f.GetHealthCheckLastFailureReason(ctx, &route53.GetHealthCheckLastFailureReasonInput{HealthCheckId: id})
	require.NoError(t, err)
	require.NotEmpty(t, reasons.HealthCheckObservations)
	measured.mu.Lock()
	require.Contains(t, measured.last, "us-east-1 HealthCheckStatus "+*id)
	measured.mu.Unlock()

	// An alarm does the same for what no checker reaches, such as in a private zone.
	follows, err := f.CreateHealthCheck(ctx, &route53.CreateHealthCheckInput{CallerReference: aws.String("two"), HealthCheckConfig: &types.HealthCheckConfig{
		Type: types.HealthCheckTypeCloudwatchMetric, AlarmIdentifier: &types.AlarmIdentifier{Name: aws.String("a"), Region: types.CloudWatchRegionUsEast1},
	}})
	require.NoError(t, err)
	primary.HealthCheckId = follows.HealthCheck.Id
	require.NoError(t, f.change(zone, types.ChangeActionUpsert, primary))
	watched.state.Store(cloudwatch.StateValueAlarm)
	require.Eventually(t, func() bool { return answers() == "[192.0.2.2]" }, 10*time.Second, 50*time.Millisecond)
	answer, err := f.TestDNSAnswer(ctx, &route53.TestDNSAnswerInput{HostedZoneId: zone, RecordName: aws.String("none.haven.test"), RecordType: types.RRTypeA})
	require.NoError(t, err)
	require.Equal(t, "NXDOMAIN", *answer.ResponseCode)
}

func TestAHealthCheckIsUpdatedByVersion(t *testing.T) {
	f := open(t)
	ctx := context.Background()
	in := &route53.CreateHealthCheckInput{CallerReference: aws.String("one"), HealthCheckConfig: &types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, IPAddress: aws.String("198.18.0.1")}}
	made, err := f.CreateHealthCheck(ctx, in)
	require.NoError(t, err)
	require.EqualValues(t, 3, *made.HealthCheck.HealthCheckConfig.FailureThreshold)
	again, err := f.CreateHealthCheck(ctx, in)
	require.NoError(t, err)
	require.Equal(t, made.HealthCheck.Id, again.HealthCheck.Id)
	updated, err := f.UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{HealthCheckId: made.HealthCheck.Id, HealthCheckVersion: aws.Int64(1), FailureThreshold: aws.Int32(5)})
	require.NoError(t, err)
	require.EqualValues(t, 2, *updated.HealthCheck.HealthCheckVersion)
	_, err = f.UpdateHealthCheck(ctx, &route53.UpdateHealthCheckInput{HealthCheckId: made.HealthCheck.Id, HealthCheckVersion: aws.Int64(1), FailureThreshold: aws.Int32(5)})
	require.ErrorContains(t, err, "HealthCheckVersionMismatch")
	_, err = f.CreateHealthCheck(ctx, &route53.CreateHealthCheckInput{CallerReference: aws.String("sum"), HealthCheckConfig: &types.HealthCheckConfig{
		Type: types.HealthCheckTypeCalculated, HealthThreshold: aws.Int32(1), ChildHealthChecks: []string{"nobody"},
	}})
	require.Error(t, err)
	count, err := f.GetHealthCheckCount(ctx, &route53.GetHealthCheckCountInput{})
	require.NoError(t, err)
	require.EqualValues(t, 1, *count.HealthCheckCount)
}

func (f fixture) names() (names []dns.Record, err error) {
	return names, f.store.View(func(tx *cloud.Tx) error {
		names, err = f.service.Names(tx)
		return err
	})
}
