package page_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/observer"
	"haven/lab/overview"
	"haven/lab/page"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

// world is an imaginary lab behind a real page.
type world struct {
	mu     sync.Mutex
	facts  overview.Facts
	faults []overview.Fault
	calls  []string

	meter    *traffic.Meter
	timeline *timeline.Recorder
	observer *observer.Observer
	server   *httptest.Server
	end      func()
}

// start serves the page of a world, with an API behind it that only says that it is one.
func start(t *testing.T, facts overview.Facts, change ...func(*page.Options)) *world {
	t.Helper()
	return startAt(t, "", facts, change...)
}

// startAt is start on an address where a lab was before.
func startAt(t *testing.T, again string, facts overview.Facts, change ...func(*page.Options)) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	recorder, err := timeline.Open(filepath.Join(t.TempDir(), "timeline.jsonl"), quiet)
	require.NoError(t, err)
	w := &world{facts: facts, meter: &traffic.Meter{}, timeline: recorder}
	w.observer = observer.New(observer.Options{
		Regions: []string{"us-east-1", "us-east-2"}, Look: w.look, Timeline: recorder, Close: 50 * time.Millisecond, Log: quiet,
		History: func(_ string, after int64) []traffic.Point {
			return w.meter.History(after, "eni-node-a", "eni-node-b", "eni-node-c")
		},
	})
	options := page.Options{Observer: w.observer, Timeline: recorder, Faults: w, Started: time.Now(), Command: "haven", Log: quiet}
	for _, c := range change {
		c(&options)
	}
	served, err := page.New(options)
	require.NoError(t, err)
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "the API: "+r.URL.Path, http.StatusTeapot) })
	w.server = httptest.NewUnstartedServer(served.Before(api))
	if again != "" {
		w.server.Listener.Close()
		w.server.Listener, err = net.Listen("tcp", again)
		require.NoError(t, err)
	}
	w.server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = w.observer.Run(ctx) })
	w.end = sync.OnceFunc(func() {
		w.server.CloseClientConnections()
		w.server.Close()
		cancel()
		group.Wait()
		recorder.Close()
	})
	t.Cleanup(w.end)
	require.Eventually(t, func() bool { _, ok := w.observer.Shot("us-east-1"); return ok }, 10*time.Second, time.Millisecond)
	return w
}

func (w *world) look(_ context.Context, region string, _ bool) (overview.Picture, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	facts := overview.Facts{Region: region, Zones: []string{region + "a", region + "b"}, Time: time.Now(), Realm: "running"}
	if region == w.facts.Region {
		facts = w.facts
		facts.Time, facts.Faults = time.Now(), append([]overview.Fault{}, w.faults...)
		facts.Traffic, facts.Target = w.meter.Now, w.meter.Target
	}
	return overview.Build(facts), nil
}

// change changes the facts.
func (w *world) change(do func(*overview.Facts)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(&w.facts)
}

func (w *world) called() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.calls...)
}

// Choices offers to cut each zone's power and to hang each server.
func (w *world) Choices(_ context.Context, region string) ([]page.Choice, error) {
	var choices []page.Choice
	if region != w.facts.Region {
		return nil, nil
	}
	for _, subnet := range w.facts.Subnets {
		zone := *subnet.AvailabilityZone
		choices = append(choices, page.Choice{Kind: "zone-power", Zone: zone, Label: "Cut the power of " + zone, About: "All in " + zone + " goes dark at once.", Big: true})
	}
	for _, instance := range w.facts.Instances {
		choices = append(choices, page.Choice{
			Kind: "hang", Zone: *instance.Placement.AvailabilityZone, Target: *instance.InstanceId, On: *instance.InstanceId,
			Label: "Hang", About: "The instance stops answering and keeps its connections.",
		})
	}
	return choices, nil
}

// Inject remembers the fault.
func (w *world) Inject(_ context.Context, region string, c page.Choice) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprint("inject ", region, " ", c.Kind, " ", c.Zone, " ", c.Target))
	if c.Kind == "impossible" {
		return "", fmt.Errorf("there is no fault %q", c.Kind)
	}
	id := fmt.Sprintf("fault-%d", len(w.faults)+1)
	w.faults = append(w.faults, overview.Fault{ID: id, Kind: c.Kind, Zone: c.Zone, Target: c.Target, Since: time.Now()})
	w.timeline.Add(timeline.Event{Region: region, Zone: c.Zone, Source: "faults", Subject: c.Kind, Text: "is in force", Severity: timeline.Warning})
	return id, nil
}

// Heal forgets it.
func (w *world) Heal(_ context.Context, region, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprint("heal ", region, " ", id))
	var left []overview.Fault
	for _, fault := range w.faults {
		if id != "" && fault.ID != id {
			left = append(left, fault)
		}
	}
	w.faults = left
	return nil
}
