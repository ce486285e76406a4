package soak

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/workload"
)

const (
	// every is how often something is broken.
	every = time.Minute
	// strength is how long the environment may take to be whole again.
	strength = 4 * time.Minute
)

// rates are a load that two cores carry beside the whole environment.
var rates = workload.Rates{history.Look: 10, history.Append: 5, history.Put: 1, history.Get: 2, history.List: 0.02}

func TestSoak(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv("HAVEN_SOAK"))
	if err != nil {
		t.Skip("set HAVEN_SOAK=30m, with an environment that is up")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("HAVEN_SOAK_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d", seed)
	e, err := open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := e.haven(context.Background(), "lab", "fault", "heal", "--all")
		require.NoError(t, err)
	})
	require.NoError(t, e.awaitReady(t.Context(), strength))
	before, err := e.measure()
	require.NoError(t, err)
	t.Log("before: ", before)

	recorder := history.NewRecorder()
	site, err := e.site()
	require.NoError(t, err)
	load, err := workload.Start(t.Context(), site, rates, seed, recorder)
	require.NoError(t, err)
	e.breakThings(t, lasts, rand.New(rand.NewPCG(seed, 0)), recorder)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	load.Stop(ctx)
	e.judge(t, recorder.History(), before)
}

// breakThings breaks something each minute, and waits until the environment is whole again before the next.
func (e *environment) breakThings(t *testing.T, lasts time.Duration, random *rand.Rand, recorder *history.Recorder) {
	possible := e.faults()
	for number, begun := 1, time.Now(); time.Since(begun) < lasts; number++ {
		next := time.Now().Add(every)
		chosen := possible[random.IntN(len(possible))]
		recorder.Mark(history.Injecting, chosen.name)
		at := recorder.Now()
		what, err := chosen.inject(t.Context(), random)
		require.NoError(t, err, chosen.name)
		time.Sleep(lasting)
		require.NoError(t, e.awaitReady(t.Context(), strength), "after %s (%s)", chosen.name, what)
		recorder.Mark(history.Recovered, chosen.name)
		h := recorder.History()
		gap := check.LongestGap(h, at, recorder.Now())
		ok, bad := recorder.Recent(recorder.Now() - at)
		t.Logf("%2d %-32s %-60s whole after %5.1f s, longest gap %5.2f s, %d ok, %d not", number, chosen.name, what, (recorder.Now() - at).Seconds(), gap.Length().Seconds(), ok, bad)
		time.Sleep(time.Until(next))
	}
}

// judge says that nothing was lost, and that everything is as it was.
func (e *environment) judge(t *testing.T, h history.History, before belongings) {
	if dir := os.Getenv("HAVEN_SOAK_EVIDENCE"); dir != "" {
		file, err := os.Create(filepath.Join(dir, "soak.jsonl"))
		require.NoError(t, err)
		require.NoError(t, history.Write(file, h))
		require.NoError(t, file.Close())
	}
	ok, other := 0, 0
	for _, o := range h.Operations {
		if o.Outcome == history.OK {
			ok++
		} else {
			other++
		}
	}
	t.Logf("%d operations ok, %d not (%.2f %%); looks took %v at the median, %v at the 99th percentile", ok, other, 100*float64(other)/float64(ok+other),
		check.Percentile(h, 50, history.Look).Round(time.Millisecond), check.Percentile(h, 99, history.Look).Round(time.Millisecond))
	for name, judge := range map[string]func(history.History) ([]check.Finding, error){"ledger": check.Ledger, "files": check.Files} {
		found, err := judge(h)
		require.NoError(t, err, name)
		require.Empty(t, found, name)
	}
	raw, err := e.haven(t.Context(), "lab", "fault", "list", "--output", "json")
	require.NoError(t, err)
	var left []any
	require.NoError(t, json.Unmarshal(raw, &left))
	require.Empty(t, left, "faults are in force still")
	_, err = e.run(t.Context(), filepath.Join(e.root, "scripts", "pulumi"), "preview", "-s", "lab", "--expect-no-changes")
	require.NoError(t, err, "the plan must be empty")
	e.settled(t, before)
}

// settled waits until what the load and the faults needed has gone.
func (e *environment) settled(t *testing.T, before belongings) {
	var after belongings
	more := []string{"never measured"}
	for range 12 {
		var err error
		after, err = e.measure()
		require.NoError(t, err)
		if more = grown(before, after); len(more) == 0 {
			break
		}
		time.Sleep(10 * time.Second)
	}
	t.Log("after:  ", after)
	require.Empty(t, more, "the lab has more than before")
}

func TestGrowthIsSeen(t *testing.T) {
	before := belongings{processes: map[string]int{"haproxy": 3, "postgres": 20}, spaces: 30, mounts: 40, files: 100, memory: 100 << 20}
	require.Empty(t, grown(before, before))
	for name, change := range map[string]func(*belongings){
		"a process": func(b *belongings) { b.processes = map[string]int{"haproxy": 4} },
		"a name":    func(b *belongings) { b.processes = map[string]int{"zombie": 1} },
		"sessions":  func(b *belongings) { b.processes = map[string]int{"postgres": 31} },
		"spaces":    func(b *belongings) { b.spaces++ },
		"mounts":    func(b *belongings) { b.mounts++ },
		"files":     func(b *belongings) { b.files = 141 },
		"memory":    func(b *belongings) { b.memory = 215 << 20 },
	} {
		after := before
		change(&after)
		require.Len(t, grown(before, after), 1, name)
	}
}
