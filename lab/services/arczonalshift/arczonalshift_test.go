package arczonalshift

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift"
	"github.com/aws/aws-sdk-go-v2/service/arczonalshift/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/wire/wiretest"
)

// resources are one balancer in two zones.
type resources struct{}

const balancer = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/0123456789abcdef"

func (resources) Managed(_ *cloud.Tx, region string) ([]elasticloadbalancingv2.Managed, error) {
	if region != wiretest.Region {
		return nil, nil
	}
	return []elasticloadbalancingv2.Managed{{ARN: balancer, Name: "web", Zones: []string{"us-east-1a", "us-east-1b"}}}, nil
}

type bench struct {
	*testing.T
	store   *cloud.Store
	path    string
	service *Service
	client  *arczonalshift.Client
	ahead   atomic.Int64 // of the real clock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, path: filepath.Join(t.TempDir(), "store")}
	b.open()
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	return b
}

func (b *bench) open() {
	b.Helper()
	var err error
	b.store, err = cloud.Open(b.path)
	require.NoError(b, err)
	b.service = New(b.store, resources{}, slog.New(slog.DiscardHandler))
	b.service.now = func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }
	b.client = arczonalshift.NewFromConfig(wiretest.New(b.T, map[string]any{"arczonalshift": b.service}))
}

func (b *bench) start(zone, expires string) (*arczonalshift.StartZonalShiftOutput, error) {
	return b.client.StartZonalShift(b.Context(), &arczonalshift.StartZonalShiftInput{
		AwayFrom: &zone, ExpiresIn: &expires, ResourceIdentifier: aws.String(balancer), Comment: aws.String("a is slow")})
}

func (b *bench) away() (zone string) {
	b.Helper()
	require.NoError(b, b.store.View(func(tx *cloud.Tx) (err error) {
		zone, err = b.service.AwayFrom(tx, wiretest.Region, balancer)
		return err
	}))
	return zone
}

func TestAShiftIsStartedUpdatedAndCanceled(t *testing.T) {
	b := newBench(t)
	require.Empty(t, b.away())
	made, err := b.start("use1-az1", "2h")
	require.NoError(t, err)
	require.Equal(t, types.ZonalShiftStatusActive, made.Status)
	require.WithinDuration(t, made.StartTime.Add(2*time.Hour), *made.ExpiryTime, time.Second)
	require.Equal(t, "us-east-1a", b.away())

	_, err = b.start("use1-az2", "2h")
	var conflict *types.ConflictException
	require.ErrorAs(t, err, &conflict, "a resource has one shift")
	require.Equal(t, types.ConflictExceptionReasonZonalShiftAlreadyExists, conflict.Reason)
	require.Equal(t, *made.ZonalShiftId, *conflict.ZonalShiftId)

	resource, err := b.client.GetManagedResource(t.Context(), &arczonalshift.GetManagedResourceInput{ResourceIdentifier: aws.String(balancer)})
	require.NoError(t, err)
	require.Equal(t, map[string]float32{"use1-az1": 0, "use1-az2": 1}, resource.AppliedWeights)
	require.Len(t, resource.ZonalShifts, 1)
	all, err := b.client.ListManagedResources(t.Context(), &arczonalshift.ListManagedResourcesInput{})
	require.NoError(t, err)
	require.Equal(t, []string{"use1-az1", "use1-az2"}, all.Items[0].AvailabilityZones)

	updated, err := b.client.UpdateZonalShift(t.Context(), &arczonalshift.UpdateZonalShiftInput{ZonalShiftId: made.ZonalShiftId, ExpiresIn: aws.String("72h"), Comment: aws.String("still")})
	require.NoError(t, err)
	require.Equal(t, "still", *updated.Comment)
	require.Greater(t, updated.ExpiryTime.Sub(*made.ExpiryTime), 69*time.Hour)

	canceled, err := b.client.CancelZonalShift(t.Context(), &arczonalshift.CancelZonalShiftInput{ZonalShiftId: made.ZonalShiftId})
	require.NoError(t, err)
	require.Equal(t, types.ZonalShiftStatusCanceled, canceled.Status)
	require.Empty(t, b.away())
	_, err = b.client.CancelZonalShift(t.Context(), &arczonalshift.CancelZonalShiftInput{ZonalShiftId: made.ZonalShiftId})
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, types.ConflictExceptionReasonZonalShiftStatusNotActive, conflict.Reason)
}

func TestAShiftExpiresAlsoWhileTheLabDoesNotRun(t *testing.T) {
	b := newBench(t)
	_, err := b.start("use1-az2", "10m")
	require.NoError(t, err)
	require.NoError(t, b.store.Close())
	b.open()
	require.Equal(t, "us-east-1b", b.away(), "it survives a restart")
	b.ahead.Store(int64(11 * time.Minute))
	require.Empty(t, b.away(), "whether or not that was noted")

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.service.Run(ctx) }()
	require.Eventually(t, func() bool {
		out, err := b.client.ListZonalShifts(t.Context(), &arczonalshift.ListZonalShiftsInput{Status: types.ZonalShiftStatusExpired})
		kept := false
		_ = b.store.View(func(tx *cloud.Tx) error {
			return each(tx, func(_ string, one *shift) error { kept = one.Status == types.ZonalShiftStatusExpired; return nil })
		})
		return err == nil && len(out.Items) == 1 && kept
	}, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	_, err = b.start("use1-az1", "1m")
	require.NoError(t, err, "an expired shift is in nobody's way")
	out, err := b.client.ListZonalShifts(t.Context(), &arczonalshift.ListZonalShiftsInput{MaxResults: aws.Int32(1)})
	require.NoError(t, err)
	require.Equal(t, "use1-az1", *out.Items[0].AwayFrom, "the newest comes first")
	require.NotNil(t, out.NextToken)
}

func TestWhatCanNotBeShiftedIsRefused(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		zone, expires string
		reason        types.ValidationExceptionReason
	}{
		"a zone without the balancer": {"use1-az3", "1h", types.ValidationExceptionReasonUnsupportedAz},
		"a zone's name":               {"us-east-1a", "1h", types.ValidationExceptionReasonInvalidAz},
		"more than three days":        {"use1-az1", "73h", types.ValidationExceptionReasonInvalidExpiresIn},
		"no unit":                     {"use1-az1", "10", types.ValidationExceptionReasonInvalidExpiresIn},
		"nothing":                     {"use1-az1", "0m", types.ValidationExceptionReasonInvalidExpiresIn},
	} {
		_, err := b.start(c.zone, c.expires)
		var invalid *types.ValidationException
		require.ErrorAs(t, err, &invalid, name)
		require.Equal(t, c.reason, invalid.Reason, name)
	}
	_, err := b.client.GetManagedResource(t.Context(), &arczonalshift.GetManagedResourceInput{ResourceIdentifier: aws.String(balancer + "0")})
	var missing *types.ResourceNotFoundException
	require.ErrorAs(t, err, &missing)
	_, err = b.client.ListAutoshifts(t.Context(), &arczonalshift.ListAutoshiftsInput{})
	require.ErrorContains(t, err, "does not implement")
	require.False(t, errors.As(err, &missing))
}
