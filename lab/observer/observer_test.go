package observer

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/overview"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

// world is what is looked at.
type world struct {
	mu      sync.Mutex
	state   string
	err     error
	looks   atomic.Int64
	closely atomic.Int64
}

func (w *world) set(state string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state, w.err = state, err
}

func (w *world) look(_ context.Context, region string, closely bool) (overview.Picture, error) {
	w.looks.Add(1)
	if closely {
		w.closely.Add(1)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	server := overview.Server{Thing: overview.Thing{ID: "i-1", State: w.state, Health: overview.Well}}
	return overview.Picture{Region: region, Time: time.Now(), Zones: []overview.Zone{{Name: region + "a", Servers: []overview.Server{server}}}}, w.err
}

func observe(t *testing.T, w *world, options Options) (*Observer, *timeline.Recorder) {
	t.Helper()
	recorder, err := timeline.Open(filepath.Join(t.TempDir(), "timeline.jsonl"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { recorder.Close() })
	options.Look, options.Timeline, options.Log = w.look, recorder, slog.New(slog.DiscardHandler)
	if options.Regions == nil {
		options.Regions = []string{"us-east-1"}
	}
	options.History = func(string, int64) []traffic.Point { return nil }
	o := New(options)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { assert.NoError(t, o.Run(ctx)) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return o, recorder
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 10*time.Second, 5*time.Millisecond, what)
}

func TestChangesGoToTheTimelineAlsoWhileNobodyLooks(t *testing.T) {
	w := &world{state: "pending"}
	changed := make(chan struct{}, 1)
	o, recorder := observe(t, w, Options{Far: time.Hour, Changed: changed})
	eventually(t, "a first look", func() bool { _, ok := o.Shot("us-east-1"); return ok })
	w.set("running", nil)
	changed <- struct{}{}
	eventually(t, "an event", func() bool { return len(recorder.Newest(9)) == 1 })
	event := recorder.Newest(1)[0]
	assert.Equal(t, []string{"i-1", "running", "us-east-1a"}, []string{event.Subject, event.Text, event.Zone})
	assert.Zero(t, w.closely.Load())
}

func TestWhatAServiceSaidItselfIsNotSaidAgain(t *testing.T) {
	w := &world{state: "pending"}
	changed := make(chan struct{}, 1)
	o, recorder := observe(t, w, Options{Far: time.Hour, Changed: changed})
	eventually(t, "a first look", func() bool { _, ok := o.Shot("us-east-1"); return ok })
	recorder.Add(timeline.Event{Subject: "i-1", Text: "is up and about"})
	w.set("running", nil)
	changed <- struct{}{}
	eventually(t, "a second look", func() bool { shot, _ := o.Shot("us-east-1"); return shot.Number >= 2 })
	assert.Len(t, recorder.Newest(9), 1)
}

func TestItLooksOftenOnlyWhileSomebodyDoes(t *testing.T) {
	w := &world{state: "running"}
	o, _ := observe(t, w, Options{Close: 10 * time.Millisecond, Far: time.Hour})
	eventually(t, "a first look", func() bool { return w.looks.Load() == 1 })
	wake, stop := o.LookOn("us-east-1")
	eventually(t, "close looks", func() bool { return w.closely.Load() > 3 })
	<-wake
	shot, ok := o.Shot("us-east-1")
	require.True(t, ok)
	assert.Contains(t, string(shot.JSON), `"i-1"`)
	stop()
	var before int64
	eventually(t, "peace", func() bool {
		before = w.looks.Load()
		time.Sleep(100 * time.Millisecond)
		return w.looks.Load() == before
	})
}

func TestTroubleIsShownWithTheLastPictureAndPasses(t *testing.T) {
	w := &world{state: "running"}
	o, _ := observe(t, w, Options{Close: 10 * time.Millisecond})
	_, stop := o.LookOn("us-east-1")
	defer stop()
	eventually(t, "a picture", func() bool { shot, _ := o.Shot("us-east-1"); return len(shot.JSON) > 0 })
	w.set("running", errors.New("the store is away"))
	eventually(t, "trouble", func() bool { shot, _ := o.Shot("us-east-1"); return shot.Err != nil && len(shot.JSON) > 0 })
	w.set("stopped", nil)
	eventually(t, "a picture again", func() bool {
		shot, _ := o.Shot("us-east-1")
		return shot.Err == nil && shot.Picture.Zones[0].Servers[0].State == "stopped"
	})
}

func TestRegionsInUse(t *testing.T) {
	w := &world{state: "running"}
	o, _ := observe(t, w, Options{Regions: []string{"us-east-1", "us-east-2"}, Far: time.Hour})
	eventually(t, "both", func() bool { return len(o.Regions()) == 2 })
}
