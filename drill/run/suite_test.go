package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/run"
	"haven/drill/scenario"
	"haven/drill/target"
	"haven/drill/undo"
	"haven/drill/workload"
)

// breaks is a fault that does what it is told.
type breaks struct {
	inject, recover func(context.Context) error
	cleaned         *atomic.Int32
}

func (b breaks) Setup(context.Context) (string, error) { return "i-1", nil }
func (b breaks) WaitActive(context.Context) error      { return nil }
func (b breaks) WaitRecovered(context.Context) error   { return nil }
func (b breaks) Inject(ctx context.Context) error      { return call(ctx, b.inject) }
func (b breaks) Recover(ctx context.Context) error     { return call(ctx, b.recover) }
func (b breaks) Cleanup(ctx context.Context) error {
	if b.cleaned != nil {
		b.cleaned.Add(1)
	}
	return ctx.Err() // it has a context of its own
}

func call(ctx context.Context, do func(context.Context) error) error {
	if do == nil {
		return nil
	}
	return do(ctx)
}

// drillOf is a scenario of a fault, under a load that proves something.
func drillOf(f func(scenario.Stage) fault.Fault) scenario.Scenario {
	return scenario.Scenario{
		Name: "failover/web/test", Does: "it is tested", Promises: []string{"HA-04"}, Budget: budget.ServerLost, Errors: 0.5, Whole: 5 * time.Second,
		Rates: workload.Rates{history.Look: 20, history.Append: 10, history.Put: 2, history.Get: 2, history.List: 1}, Fault: f,
	}
}

func harmless(scenario.Stage) fault.Fault { return breaks{} }

// suiteOf runs scenarios in a world, into a folder of the test's.
func suiteOf(t testing.TB, w *world, scenarios ...scenario.Scenario) *run.Suite {
	left, err := undo.Open(filepath.Join(t.TempDir(), "leftovers.json"))
	require.NoError(t, err)
	return &run.Suite{Drill: &run.Drill{Environment: w.Environment, Leftovers: left, Plan: true}, Folder: t.TempDir(), Scenarios: scenarios, Seed: 1, Journal: w.journal}
}

// saved is the report that a suite has left in its folder.
func saved(t *testing.T, s *run.Suite) (r run.Report) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Folder, run.ReportFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &r))
	return r
}

func TestADrillThatPasses(t *testing.T) {
	t.Parallel()
	s := suiteOf(t, newWorld(t), drillOf(harmless))
	var begun, ended []string
	s.Begins = func(number int, one scenario.Scenario) { begun = append(begun, one.Name) }
	s.Ended = func(r run.Result) { ended = append(ended, r.Scenario) }
	s.Evidence = func(context.Context, string, run.Result) error { return errors.New("nobody asks for it") }
	r, err := s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, run.Passed, r.Results[0].Verdict, "%+v", r.Results[0])
	require.Equal(t, []string{"i-1"}, r.Results[0].Victims)
	require.Len(t, r.Results[0].Measured.Whole, 1)
	require.Equal(t, begun, ended)
	require.Equal(t, r.Results[0].Verdict, saved(t, s).Results[0].Verdict)
	require.Contains(t, saved(t, s).Actions, "elasticloadbalancing:DescribeTargetHealth")

	file, err := os.Open(filepath.Join(s.Folder, r.Results[0].Evidence, run.HistoryFile))
	require.NoError(t, err)
	defer file.Close()
	h, err := history.Read(file)
	require.NoError(t, err)
	require.Equal(t, run.Passed, run.Rejudge(r.Results[0], h, s.Scenarios[0]).Verdict, "judged again it is the same")
}

func TestADrillThatLosesWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := suiteOf(t, w, drillOf(func(scenario.Stage) fault.Fault {
		return breaks{inject: func(context.Context) error { w.forgets.Store(true); return nil }}
	}))
	var evidence string
	s.Evidence = func(_ context.Context, folder string, r run.Result) error {
		evidence = folder
		return errors.New("a log that can't be read fails no run")
	}
	r, err := s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, run.Failed, r.Results[0].Verdict)
	var promises []string
	for _, f := range r.Results[0].Findings {
		require.Equal(t, []string{"HA-04"}, f.Controls)
		promises = append(promises, f.Promise)
	}
	require.Contains(t, promises, check.ErrLostAppend.Error())
	require.Contains(t, promises, check.ErrTwoWriters.Error())
	require.Contains(t, promises, check.ErrNotLinear.Error())
	require.Equal(t, filepath.Join(s.Folder, "failover-web-test"), evidence)
	require.FileExists(t, filepath.Join(evidence, run.LedgerFile), "what contradicts is drawn")
}

func TestADrillThatChangesThePlanOrLeavesSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.drifts.Store(true)
	s := suiteOf(t, w, drillOf(func(stage scenario.Stage) fault.Fault {
		return breaks{inject: func(ctx context.Context) error {
			_, err := w.Break(ctx, target.Breakage{})
			return err
		}}
	}))
	r, err := s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, run.Failed, r.Results[0].Verdict)
	require.Len(t, r.Results[0].Findings, 2)
	require.Equal(t, check.ErrLeftover.Error(), r.Results[0].Findings[0].Promise)
	require.Equal(t, check.ErrDrift.Error(), r.Results[0].Findings[1].Promise)
}

// What is known to be broken counts, whatever else could not be looked at.
func TestAJudgeThatCannotLook(t *testing.T) {
	t.Parallel()
	blind := errors.New("the log can't be read")
	for want, found := range map[run.Verdict][]check.Finding{
		run.Invalid: {{Promise: check.ErrUnreliable, Text: "no line"}},
		run.Failed:  {{Promise: check.ErrEjectedTraffic, Text: "i-1 answered"}},
	} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			one := drillOf(harmless)
			one.Judge = func(context.Context, scenario.Stage, history.History) ([]check.Finding, error) { return found, blind }
			r, err := suiteOf(t, newWorld(t), one).Run(context.Background(), run.Report{})
			require.NoError(t, err)
			require.Equal(t, want, r.Results[0].Verdict)
			require.Contains(t, r.Results[0].Reason, blind.Error())
		})
	}
}

func TestADrillThatIsNeverWholeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := suiteOf(t, w, drillOf(func(scenario.Stage) fault.Fault {
		return breaks{recover: func(context.Context) error { w.unhealthy.Store(true); return nil }}
	}))
	r, err := s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, run.Failed, r.Results[0].Verdict)
	require.Equal(t, check.ErrNotRecovered.Error(), r.Results[0].Findings[0].Promise)
	require.Contains(t, r.Results[0].Findings[0].Text, "target i-1 is unhealthy")
}

func TestWhatProvesNothingIsInvalid(t *testing.T) {
	t.Run("the environment is not well", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.unhealthy.Store(true)
		s := suiteOf(t, w, drillOf(harmless))
		s.Drill.WellWithin = 2 * time.Second
		r, err := s.Run(context.Background(), run.Report{})
		require.NoError(t, err)
		require.Equal(t, run.Invalid, r.Results[0].Verdict)
		require.Equal(t, check.ErrUnwell.Error(), r.Results[0].Findings[0].Promise)
		require.NotEmpty(t, r.Results[0].Findings[0].Controls)
		require.Contains(t, r.Results[0].Findings[0].Text, "target i-1 is unhealthy")
	})
	t.Run("too little load", func(t *testing.T) {
		t.Parallel()
		little := drillOf(harmless)
		little.Rates = workload.Rates{history.Look: 1, history.Append: 1, history.Put: 1, history.Get: 1}
		r, err := suiteOf(t, newWorld(t), little).Run(context.Background(), run.Report{})
		require.NoError(t, err)
		require.Equal(t, run.Invalid, r.Results[0].Verdict, "%+v", r.Results[0])
		require.Equal(t, check.ErrUnreliable.Error(), r.Results[0].Findings[0].Promise)
	})
	t.Run("what it is about was not asked for", func(t *testing.T) {
		t.Parallel()
		nothing := drillOf(harmless)
		nothing.Kinds = []history.Kind{history.Put}
		nothing.Rates = workload.Rates{history.Look: 40, history.Append: 5}
		r, err := suiteOf(t, newWorld(t), nothing).Run(context.Background(), run.Report{})
		require.NoError(t, err)
		require.Equal(t, run.Invalid, r.Results[0].Verdict, "%+v", r.Results[0])
		require.True(t, slices.ContainsFunc(r.Results[0].Findings, func(f run.Finding) bool { return strings.Contains(f.Text, "nobody asked for any of [put]") }), "%+v", r.Results[0])
	})
	t.Run("trouble before the fault", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		s := drillOf(func(scenario.Stage) fault.Fault {
			return breaks{inject: func(context.Context) error { w.failing.Store(0); return nil }}
		})
		w.failing.Store(503)
		r, err := suiteOf(t, w, s).Run(context.Background(), run.Report{})
		require.NoError(t, err)
		require.Equal(t, run.Failed, r.Results[0].Verdict, "nobody was served for longer than the budget, too")
		require.Equal(t, check.ErrUnreliable.Error(), r.Results[0].Findings[len(r.Results[0].Findings)-1].Promise)
	})
}

func TestWhatOnlyALabCanDoIsSkippedOnAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Breaker = nil
	one := drillOf(harmless)
	one.LabOnly = "AWS has no call for it"
	s := suiteOf(t, w, one)
	r, err := s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, run.Skipped, r.Results[0].Verdict)
	require.Equal(t, one.LabOnly, saved(t, s).Results[0].Reason)
}

func TestAnInterruptedDrillIsPutBackAndReported(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(context.Background())
	var cleaned atomic.Int32
	s := suiteOf(t, newWorld(t), drillOf(func(scenario.Stage) fault.Fault {
		return breaks{inject: func(context.Context) error { interrupt(); return nil }, cleaned: &cleaned}
	}), drillOf(harmless))
	s.Scenarios[0].Hold = time.Minute
	begun := time.Now()
	_, err := s.Run(ctx, run.Report{})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(begun), 40*time.Second)
	require.EqualValues(t, 1, cleaned.Load())
	r := saved(t, s)
	require.Len(t, r.Results, 1, "the second was not begun")
	require.Equal(t, run.Invalid, r.Results[0].Verdict)
	require.Contains(t, r.Results[0].Reason, "it was interrupted")
	require.FileExists(t, filepath.Join(s.Folder, r.Results[0].Evidence, run.HistoryFile))
}

// killedFile names, in a process that is to be killed, the file of leftovers.
const killedFile = "HAVEN_TEST_KILLED_DRILL"

func TestAKilledDrillIsHealedByTheNext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "leftovers.json")
	killed := exec.Command(os.Args[0], "-test.run", "^TestADrillThatIsKilled$")
	killed.Env = append(os.Environ(), killedFile+"="+path, "TMPDIR="+dir) // it can't remove its folders itself
	require.NoError(t, killed.Start())
	t.Cleanup(func() { _ = killed.Process.Kill() })
	require.Eventually(t, func() bool { _, err := os.Stat(path); return err == nil }, time.Minute, 50*time.Millisecond)
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait() // it was killed

	w := newWorld(t)
	s := suiteOf(t, w) // no drill: what is left is put back before any
	var err error
	s.Drill.Leftovers, err = undo.Open(path)
	require.NoError(t, err)
	require.Len(t, s.Drill.Leftovers.Left(), 1)
	var said []string
	s.Drill.Say = func(format string, _ ...any) { said = append(said, format) }
	_, err = s.Run(context.Background(), run.Report{})
	require.NoError(t, err)
	require.Equal(t, []string{"fault-of-the-killed"}, w.healed)
	require.NotEmpty(t, said)
	require.NoFileExists(t, path)
}

// TestADrillThatIsKilled is the process that TestAKilledDrillIsHealedByTheNext kills: it breaks something and hangs.
func TestADrillThatIsKilled(t *testing.T) {
	path := os.Getenv(killedFile)
	if path == "" {
		t.Skip("it is run by another test")
	}
	s := suiteOf(t, newWorld(t), drillOf(func(stage scenario.Stage) fault.Fault {
		return breaks{inject: func(ctx context.Context) error {
			err := stage.Undo.Remember("k", scenario.Undoing{Kind: undo.Breakage, Target: "fault-of-the-killed"})
			<-ctx.Done()
			return err
		}}
	}))
	var err error
	s.Drill.Leftovers, err = undo.Open(path)
	require.NoError(t, err)
	_, _ = s.Run(context.Background(), run.Report{})
}
