package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func startRefresh(w *world, version string, least, most int) {
	w.g.Refresh = &refresh{ID: "r", Status: types.InstanceRefreshStatusPending, Begun: w.now, Min: least, Max: most, Skip: true, Rollback: true,
		Wanted: template{ID: "lt", Version: version}, Before: w.g.Template, Template: w.g.Template, Explicit: true}
	w.g.Refresh.ToReplace = len(w.g.Refresh.left(w.g))
	w.reset()
}

func TestARefreshReplacesEveryMemberWithinItsBounds(t *testing.T) {
	for _, bounds := range []struct{ least, most, wantLeast, wantMost int }{{100, 150, 4, 6}, {100, 110, 4, 5}, {90, 100, 3, 4}, {50, 100, 2, 4}, {0, 100, 0, 4}, {100, 200, 4, 8}} {
		w := newWorld(t, 3, 4)
		w.settle()
		startRefresh(w, "2", bounds.least, bounds.most)
		w.settle()
		require.Equal(t, types.InstanceRefreshStatusSuccessful, w.g.Refresh.Status, "%+v", bounds)
		for _, m := range w.g.Members {
			require.Equal(t, "2", m.Template.Version)
		}
		require.Len(t, w.g.Members, 4)
		require.LessOrEqual(t, w.most, bounds.wantMost, "%+v", bounds)
		require.GreaterOrEqual(t, w.least, bounds.wantLeast, "%+v", bounds)
		require.Equal(t, "2", w.g.Template.Version)
	}
}

func TestABadTemplateIsRolledBack(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.g.Grace = 0
	w.settle()
	startRefresh(w, "bad", 100, 150)
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusRollbackSuccessful, w.g.Refresh.Status)
	for _, m := range w.g.Members {
		require.Equal(t, "1", m.Template.Version)
	}
	require.Equal(t, 3, w.least, "the old members must serve all along")
}

func TestMatchingMembersAreSkipped(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.settle()
	before := []string{w.g.Members[0].ID, w.g.Members[1].ID, w.g.Members[2].ID}
	startRefresh(w, "1", 100, 150)
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusSuccessful, w.g.Refresh.Status)
	for i, m := range w.g.Members {
		require.Equal(t, before[i], m.ID)
	}
}

// A refresh never has fewer healthy members in service than it was told to keep, nor more members than it may have.
func TestARefreshStaysWithinItsPercentages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired := rapid.IntRange(1, 12).Draw(t, "desired")
		w := newZones(rapid.IntRange(1, 4).Draw(t, "zones"), desired)
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		least := rapid.IntRange(0, 100).Draw(t, "least")
		most := rapid.IntRange(100, min(200, 100+least)).Draw(t, "most")
		startRefresh(w, "2", least, most)
		w.g.Refresh.Warmup = time.Duration(rapid.IntRange(0, 20).Draw(t, "warm-up")) * time.Second
		if points := rapid.SliceOfNDistinct(rapid.Int32Range(1, 99), 0, 3, rapid.ID[int32]).Draw(t, "checkpoints"); len(points) > 0 {
			sortInts(points)
			w.g.Refresh.Preference.CheckpointPercentages, w.g.Refresh.Preference.CheckpointDelay = append(points, 100), aws.Int32(30)
		}
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		if w.g.Refresh.Status != types.InstanceRefreshStatusSuccessful {
			t.Fatalf("it is %s: %s", w.g.Refresh.Status, w.g.Refresh.Reason)
		}
		for _, m := range w.g.Members {
			if m.Template.Version != "2" {
				t.Fatalf("%s was not replaced", m.ID)
			}
		}
		floor, ceiling := (desired*least+99)/100, (desired*most+99)/100
		if floor == ceiling {
			floor-- // no room: one at a time
		}
		if w.least < floor || w.most > ceiling {
			t.Fatalf("between %d and %d of %d served, with bounds %d and %d", w.least, w.most, desired, floor, ceiling)
		}
	})
}

func sortInts(numbers []int32) {
	for i := range numbers {
		for j := range i {
			if numbers[i] < numbers[j] {
				numbers[i], numbers[j] = numbers[j], numbers[i]
			}
		}
	}
}

// versions counts the members by the version that they are of.
func (w *world) versions() map[string]int {
	counts := map[string]int{}
	for _, m := range w.g.Members {
		if m.alive() {
			counts[m.Template.Version]++
		}
	}
	return counts
}

func (w *world) pass(seconds int) {
	for range seconds {
		w.turn()
	}
}

func TestARefreshWaitsAtItsCheckpoints(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	startRefresh(w, "2", 100, 200)
	w.g.Refresh.Preference.CheckpointPercentages, w.g.Refresh.Preference.CheckpointDelay = []int32{25, 100}, aws.Int32(600)
	w.pass(60)
	require.Equal(t, map[string]int{"1": 3, "2": 1}, w.versions())
	left, percent := w.g.Refresh.progress(w.g, w.seen, w.now)
	require.EqualValues(t, 3, left)
	require.EqualValues(t, 25, percent)
	require.Contains(t, w.g.Refresh.reason(w.g, w.seen, w.now), "Checkpoint of 25 percent reached")
	w.pass(500)
	require.Equal(t, map[string]int{"1": 3, "2": 1}, w.versions(), "the delay is not over")
	w.pass(200)
	require.Equal(t, map[string]int{"2": 4}, w.versions())
	require.Equal(t, types.InstanceRefreshStatusSuccessful, w.g.Refresh.Status)
}

func TestARefreshEndsAtALastCheckpointBelowAHundred(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	startRefresh(w, "2", 50, 100)
	w.g.Refresh.Preference.CheckpointPercentages, w.g.Refresh.Preference.CheckpointDelay = []int32{50}, aws.Int32(600)
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusSuccessful, w.g.Refresh.Status)
	require.Equal(t, map[string]int{"1": 2, "2": 2}, w.versions())
}

func TestARefreshBakesAndAnAlarmTurnsItBack(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	startRefresh(w, "2", 100, 150)
	w.g.Refresh.Preference.BakeTime = aws.Int32(300)
	w.pass(100)
	require.Equal(t, types.InstanceRefreshStatusBaking, w.g.Refresh.Status)
	require.Equal(t, map[string]int{"2": 4}, w.versions())
	require.Equal(t, "1", w.g.Template.Version, "the group's template is the new one when the refresh has succeeded")
	w.reset()
	w.ringing = "errors"
	w.turn()
	require.Equal(t, types.InstanceRefreshStatusRollbackInProgress, w.g.Refresh.Status)
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusRollbackSuccessful, w.g.Refresh.Status)
	require.Equal(t, map[string]int{"1": 4}, w.versions())
	require.Equal(t, 4, w.least)
	told := w.g.Refresh.describe(w.g, w.seen, w.now)
	require.EqualValues(t, 100, *told.RollbackDetails.PercentageCompleteOnRollback)
	require.Contains(t, *told.RollbackDetails.RollbackReason, "errors")
	require.EqualValues(t, 0, *told.PercentageComplete)
}

func TestAnAlarmFailsARefreshThatCannotGoBack(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	startRefresh(w, "2", 50, 100)
	w.g.Refresh.Rollback = false
	w.ringing = "errors"
	w.turn()
	require.Equal(t, types.InstanceRefreshStatusFailed, w.g.Refresh.Status)
	require.Error(t, (&refresh{Before: template{Version: "1"}, Template: template{Version: "$Latest"}}).reversible())
	require.Error(t, (&refresh{}).reversible())
}

func TestProtectedAndStandbyInstancesOfARefresh(t *testing.T) {
	for _, c := range []struct {
		protected types.ScaleInProtectedInstances
		standby   types.StandbyInstances
		status    types.InstanceRefreshStatus // after two hours
		want      map[string]int              // versions of what is in service then
		members   int
	}{
		{types.ScaleInProtectedInstancesIgnore, types.StandbyInstancesIgnore, types.InstanceRefreshStatusSuccessful, map[string]int{"1": 1, "2": 2}, 4},
		{types.ScaleInProtectedInstancesRefresh, types.StandbyInstancesTerminate, types.InstanceRefreshStatusSuccessful, map[string]int{"2": 3}, 3},
		{types.ScaleInProtectedInstancesWait, types.StandbyInstancesIgnore, types.InstanceRefreshStatusFailed, map[string]int{"1": 1, "2": 2}, 4},
		{types.ScaleInProtectedInstancesRefresh, types.StandbyInstancesWait, types.InstanceRefreshStatusFailed, map[string]int{"2": 3}, 4},
	} {
		w := newWorld(t, 2, 4)
		w.settle()
		w.g.Members[0].Protected, w.g.Members[1].State, w.g.Desired = true, types.LifecycleStateStandby, 3
		startRefresh(w, "2", 100, 150)
		w.g.Refresh.Rollback = false
		w.g.Refresh.Preference.ScaleInProtectedInstances, w.g.Refresh.Preference.StandbyInstances = c.protected, c.standby
		w.pass(200)
		if c.status == types.InstanceRefreshStatusFailed {
			require.Equal(t, types.InstanceRefreshStatusInProgress, w.g.Refresh.Status, "%+v", c)
			require.Contains(t, w.g.Refresh.reason(w.g, w.seen, w.now), "protected from scale in or in standby", "%+v", c)
		}
		w.pass(7000)
		require.Equal(t, c.status, w.g.Refresh.Status, "%+v: %s", c, w.g.Refresh.Reason)
		require.Equal(t, c.want, w.versions(), "%+v", c)
		require.Len(t, w.g.Members, c.members, "%+v", c)
	}
}

func TestACancelledRefreshWaitsForWhatIsOnItsWay(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	startRefresh(w, "2", 50, 100)
	w.turn()
	w.g.Refresh.Status = types.InstanceRefreshStatusCancelling
	require.True(t, w.g.Refresh.active())
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusCancelled, w.g.Refresh.Status)
	require.Len(t, w.g.Members, 4)
	require.NotEqual(t, map[string]int{"2": 4}, w.versions())
}

func TestARefreshFollowsAGroupThatShrinks(t *testing.T) {
	w := newWorld(t, 3, 6)
	w.settle()
	startRefresh(w, "2", 100, 150)
	w.pass(3)
	w.g.Desired = 2
	w.settle()
	require.Equal(t, types.InstanceRefreshStatusSuccessful, w.g.Refresh.Status)
	require.Equal(t, map[string]int{"2": 2}, w.versions())
}
