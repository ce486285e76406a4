package conformance_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// told tells whether the lab's timeline has a text.
func told(w *world.World, text string) bool {
	raw, _ := os.ReadFile(filepath.Join(w.Dir, "timeline.jsonl")) // not there yet: nothing was told
	return strings.Contains(string(raw), text)
}

// hosted makes a hosted zone; with a VPC it is private.
func hosted(t *testing.T, w *world.World, name, vpc string) string {
	t.Helper()
	in := &route53.CreateHostedZoneInput{Name: &name, CallerReference: aws.String(fmt.Sprint(name, vpc, time.Now().UnixNano()))}
	if vpc != "" {
		in.VPC = &types.VPC{VPCId: &vpc, VPCRegion: types.VPCRegionUsEast1}
	}
	zone, err := route53.NewFromConfig(w.Config).CreateHostedZone(context.Background(), in)
	require.NoError(t, err)
	return *zone.HostedZone.Id
}

// publish creates records.
func publish(t *testing.T, w *world.World, zone string, sets ...types.ResourceRecordSet) {
	t.Helper()
	batch := &types.ChangeBatch{}
	for _, set := range sets {
		batch.Changes = append(batch.Changes, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &set})
	}
	_, err := route53.NewFromConfig(w.Config).ChangeResourceRecordSets(context.Background(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: batch})
	require.NoError(t, err)
}

// address is a record of an address, changed by the function.
func address(name, value string, change func(*types.ResourceRecordSet)) types.ResourceRecordSet {
	set := types.ResourceRecordSet{Name: &name, Type: types.RRTypeA, TTL: aws.Int64(1), ResourceRecords: []types.ResourceRecord{{Value: &value}}}
	if change != nil {
		set.SetIdentifier = aws.String(value)
		change(&set)
	}
	return set
}

// resolve asks an instance for the addresses of a name, sorted.
func resolve(t *testing.T, w *world.World, from, name string) []string {
	t.Helper()
	output, _ := w.Shell(t, from, "getent ahostsv4 "+name+" | awk '{print $1}' | sort -u")
	return strings.Fields(output)
}

func awaitAddress(t *testing.T, w *world.World, from, name string, limit time.Duration, want ...string) {
	t.Helper()
	world.Wait(t, fmt.Sprintf("%s to be %v", name, want), limit, func() error {
		if got := resolve(t, w, from, name); !slices.Equal(got, want) {
			return fmt.Errorf("it is %v", got)
		}
		return nil
	})
}

// checked makes a health check of a web server.
func checked(t *testing.T, w *world.World, address string, threshold int32) *string {
	t.Helper()
	check, err := route53.NewFromConfig(w.Config).CreateHealthCheck(context.Background(), &route53.CreateHealthCheckInput{
		CallerReference: aws.String(fmt.Sprint(address, time.Now().UnixNano())), HealthCheckConfig: &types.HealthCheckConfig{
			Type: types.HealthCheckTypeHttp, IPAddress: &address, Port: aws.Int32(80), ResourcePath: aws.String("/health"),
			RequestInterval: aws.Int32(10), FailureThreshold: &threshold,
		},
	})
	require.NoError(t, err)
	return check.HealthCheck.Id
}

func TestRecordsFollowHealthChecksDownAndUp(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a", "b")
	first, second := n.Instance(t, world.Instance{Zone: "a", UserData: w.WebServer(80)}), n.Instance(t, world.Instance{Zone: "b", UserData: w.WebServer(80)})
	one, two := public(t, w, first), public(t, w, second)
	for _, url := range []string{"http://" + one + "/health", "http://" + two + "/health"} {
		awaitStatus(t, w, second, url, "200")
	}
	const threshold = 1
	zone := hosted(t, w, fmt.Sprintf("health%d.test", n.Number), "")
	name := func(of string) string { return fmt.Sprintf("%s.health%d.test", of, n.Number) }
	checkOne, checkTwo := checked(t, w, one, threshold), checked(t, w, two, threshold)
	closed, err := route53.NewFromConfig(w.Config).CreateHealthCheck(context.Background(), &route53.CreateHealthCheckInput{
		CallerReference: aws.String(fmt.Sprint("closed", time.Now().UnixNano())), HealthCheckConfig: &types.HealthCheckConfig{
			Type: types.HealthCheckTypeTcp, IPAddress: &two, Port: aws.Int32(81), RequestInterval: aws.Int32(10), FailureThreshold: aws.Int32(threshold),
		},
	})
	require.NoError(t, err)
	publish(t, w, zone,
		address(name("failover"), one, func(s *types.ResourceRecordSet) {
			s.Failover, s.HealthCheckId = types.ResourceRecordSetFailoverPrimary, checkOne
		}),
		address(name("failover"), two, func(s *types.ResourceRecordSet) { s.Failover = types.ResourceRecordSetFailoverSecondary }),
		address(name("weighted"), one, func(s *types.ResourceRecordSet) { s.Weight, s.HealthCheckId = aws.Int64(1), checkOne }),
		address(name("weighted"), two, func(s *types.ResourceRecordSet) { s.Weight, s.HealthCheckId = aws.Int64(0), checkTwo }),
		address(name("many"), one, func(s *types.ResourceRecordSet) { s.MultiValueAnswer, s.HealthCheckId = aws.Bool(true), checkOne }),
		address(name("many"), two, func(s *types.ResourceRecordSet) { s.MultiValueAnswer, s.HealthCheckId = aws.Bool(true), checkTwo }),
		address(name("wrong"), two, func(s *types.ResourceRecordSet) {
			s.Failover, s.HealthCheckId = types.ResourceRecordSetFailoverPrimary, closed.HealthCheck.Id
		}),
		address(name("wrong"), one, func(s *types.ResourceRecordSet) { s.Failover = types.ResourceRecordSetFailoverSecondary }),
	)
	both := []string{one, two}
	slices.Sort(both)
	awaitAddress(t, w, second, name("failover"), 10*time.Second, one)
	awaitAddress(t, w, second, name("weighted"), 10*time.Second, one)
	awaitAddress(t, w, second, name("many"), 10*time.Second, both...)

	// Each checker has probed within the interval, as often as the threshold; one more interval, and what is busy here.
	const within = 10*(threshold+1)*time.Second + 20*time.Second
	w.MustShell(t, first, "touch /run/sick")
	awaitAddress(t, w, second, name("failover"), within, two)
	awaitAddress(t, w, second, name("weighted"), within, two)
	awaitAddress(t, w, second, name("many"), within, two)
	w.MustShell(t, first, "rm /run/sick")
	awaitAddress(t, w, second, name("failover"), within, one)
	awaitAddress(t, w, second, name("weighted"), within, one)
	awaitAddress(t, w, second, name("many"), within, both...)
	// A health check of a port that nobody listens to has its record out of use, for all the server does.
	awaitAddress(t, w, second, name("wrong"), within, one)
	reason, err := route53.NewFromConfig(w.Config).GetHealthCheckLastFailureReason(context.Background(), &route53.GetHealthCheckLastFailureReasonInput{HealthCheckId: closed.HealthCheck.Id})
	require.NoError(t, err)
	require.NotEmpty(t, reason.HealthCheckObservations)
	require.Contains(t, *reason.HealthCheckObservations[0].StatusReport.Status, "Failure")
}

func TestAPrivateZoneIsSeenInItsVPCOnly(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	inside, outside := w.Network(t, "a"), w.Network(t, "a")
	zone := hosted(t, w, fmt.Sprintf("inner%d.test", inside.Number), inside.ID)
	name := fmt.Sprintf("db.inner%d.test", inside.Number)
	publish(t, w, zone, address(name, "10.0.0.7", nil))
	server, stranger := inside.Instance(t, world.Instance{Zone: "a"}), outside.Instance(t, world.Instance{Zone: "a"})
	awaitAddress(t, w, server, name, 20*time.Second, "10.0.0.7")
	require.Empty(t, resolve(t, w, stranger, name))
	_, err := route53.NewFromConfig(w.Config).AssociateVPCWithHostedZone(context.Background(), &route53.AssociateVPCWithHostedZoneInput{
		HostedZoneId: &zone, VPC: &types.VPC{VPCId: &outside.ID, VPCRegion: types.VPCRegionUsEast1},
	})
	require.NoError(t, err)
	awaitAddress(t, w, stranger, name, 20*time.Second, "10.0.0.7")
}

func TestWeightsShareOutTheAnswers(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	n := w.Network(t, "a")
	zone := hosted(t, w, fmt.Sprintf("weights%d.test", n.Number), n.ID)
	name := fmt.Sprintf("www.weights%d.test", n.Number)
	publish(t, w, zone,
		address(name, "10.0.0.1", func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(3) }),
		address(name, "10.0.0.2", func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(1) }),
		address(name, "10.0.0.3", func(s *types.ResourceRecordSet) { s.Weight = aws.Int64(0) }))
	server := n.Instance(t, world.Instance{Zone: "a"})
	world.Wait(t, name, 20*time.Second, func() error {
		if len(resolve(t, w, server, name)) == 0 {
			return fmt.Errorf("it is not there")
		}
		return nil
	})
	seen := map[string]int{}
	for _, found := range strings.Fields(w.MustShell(t, server, "for i in $(seq 200); do getent ahostsv4 "+name+" | awk 'NR==1{print $1}'; done")) {
		seen[found]++
	}
	require.Zero(t, seen["10.0.0.3"], "weight zero")
	require.InDelta(t, 150, seen["10.0.0.1"], 40, "%v", seen)
	require.Equal(t, 200, seen["10.0.0.1"]+seen["10.0.0.2"])
}
