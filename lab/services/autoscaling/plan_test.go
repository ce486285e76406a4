package autoscaling

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"
)

// world plays EC2 and the balancer for a group, a step at a time.
type world struct {
	t     *testing.T
	g     *group
	seen  map[string]observed
	now   time.Time
	next  int
	least int // fewest members that served since it was reset
	most  int // most members that were alive
}

func newWorld(t *testing.T, zones, desired int) *world {
	g := &group{Name: "web", Desired: int32(desired), Min: 0, Max: 20, Health: "ELB", Grace: time.Minute, Targets: []string{"tg"}, Template: template{ID: "lt", Version: "1"}}
	for i := range zones {
		zone := string(rune('a' + i))
		g.Subnets = append(g.Subnets, subnet{ID: "subnet-" + zone, Zone: zone})
	}
	w := &world{t: t, g: g, seen: map[string]observed{}, now: time.Unix(1e9, 0)}
	w.reset()
	return w
}

func (w *world) reset() { w.least, w.most = 1000, 0 }

// turn carries out one plan as the reconciler does, and lets a second pass.
func (w *world) turn() (steps int) {
	w.now = w.now.Add(time.Second)
	settle(w.g, w.seen, w.now)
	planned := plan(w.g, w.seen, w.now)
	for _, s := range planned {
		w.take(s)
	}
	serving, alive := 0, 0
	for _, m := range w.g.Members {
		if m.alive() {
			alive++
		}
		if wellServing(w.g, m, w.seen[m.ID]) {
			serving++
		}
	}
	w.least, w.most = min(w.least, serving), max(w.most, alive)
	return len(planned)
}

func (w *world) take(s step) {
	switch {
	case s.Launch != nil:
		w.next++
		id := fmt.Sprintf("i-%03d", w.next)
		version := w.g.Template
		if w.g.Refresh != nil && w.g.Refresh.active() {
			version = w.g.Refresh.Wanted
		}
		w.g.Members = append(w.g.Members, member{ID: id, Zone: s.Launch.Zone, Template: version, State: types.LifecycleStatePending, Launched: w.now})
		w.seen[id] = observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetAbsent}
	case s.Serve != "":
		m := w.g.member(s.Serve)
		m.State, m.InService = types.LifecycleStateInService, w.now
		o := w.seen[s.Serve]
		o.Targets, o.Registered = targetHealthy, 1
		if w.bad(m) {
			o.Targets = targetUnhealthy
		}
		w.seen[s.Serve] = o
	case s.Sick != nil:
		w.g.member(s.Sick.ID).Unhealthy = s.Sick.Cause
	case s.End != nil:
		w.g.member(s.End.ID).State = types.LifecycleStateTerminating
		o := w.seen[s.End.ID]
		o.Registered = 0
		w.seen[s.End.ID] = o
	case s.Terminate != "":
		w.seen[s.Terminate] = observed{Known: true, State: ec2types.InstanceStateNameTerminated}
	default:
		for i, m := range w.g.Members {
			if m.ID == s.Forget {
				w.g.Members = append(w.g.Members[:i], w.g.Members[i+1:]...)
				return
			}
		}
	}
}

// bad says that instances of the template version "bad" never become healthy.
func (w *world) bad(m *member) bool { return m.Template.Version == "bad" }

func (w *world) settle() {
	w.t.Helper()
	for range 500 {
		if w.turn() == 0 && (w.g.Refresh == nil || !w.g.Refresh.active()) {
			return
		}
	}
	w.t.Fatalf("the group never comes to rest: %+v", w.g.Members)
}

func (w *world) spread() map[string]int { return perZone(w.g, w.g.Members) }

func TestAGroupComesToItsSizeBalanced(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 200 {
		w := newWorld(t, 1+random.Intn(4), random.Intn(10))
		w.settle()
		for range 4 {
			w.g.Desired = int32(random.Intn(12))
			if len(w.g.Members) > 0 && random.Intn(2) == 0 {
				id := w.g.Members[random.Intn(len(w.g.Members))].ID
				w.seen[id] = observed{Known: true, State: ec2types.InstanceStateNameTerminated}
			}
			w.settle()
			require.Len(t, w.g.Members, int(w.g.Desired))
			require.False(t, uneven(w.g, w.g.Members), "%v", w.spread())
		}
	}
}

func TestUnhealthyMembersAreReplacedAfterTheGracePeriod(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.settle()
	sick := w.g.Members[0].ID
	w.seen[sick] = observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetUnhealthy, Registered: 1}
	w.settle()
	require.NotNil(t, w.g.member(sick), "within the grace period it stays")
	w.now = w.now.Add(2 * time.Minute)
	w.settle()
	require.Nil(t, w.g.member(sick))
	require.Len(t, w.g.Members, 3)
}

func TestEC2HealthIgnoresTheBalancer(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.g.Health = "EC2"
	w.settle()
	sick := w.g.Members[0].ID
	w.now = w.now.Add(time.Hour)
	w.seen[sick] = observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetUnhealthy, Registered: 1}
	w.settle()
	require.NotNil(t, w.g.member(sick))
}

func TestAZoneThatComesBackIsFilledBeforeAnotherIsEmptied(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	w.g.Subnets = append(w.g.Subnets, subnet{ID: "subnet-c", Zone: "c"})
	w.reset()
	w.settle()
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, subtract(w.spread(), 4))
	require.Equal(t, 4, w.least, "balancing must not cost a serving member")
}

// subtract shows a spread of four over three zones without the zone that has two.
func subtract(spread map[string]int, total int) map[string]int {
	for zone, n := range spread {
		if n == 2 {
			spread[zone] = 1
			break
		}
	}
	return spread
}

func TestProtectedMembersStay(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.settle()
	for i := range w.g.Members {
		w.g.Members[i].Protected = true
	}
	w.g.Desired = 1
	w.settle()
	require.Len(t, w.g.Members, 4)
}

func TestSuspendedProcessesRest(t *testing.T) {
	w := newWorld(t, 2, 2)
	w.g.Suspended = []string{"Launch"}
	w.settle()
	require.Empty(t, w.g.Members)
	w.g.Suspended = nil
	w.settle()
	w.g.Suspended = []string{"Terminate"}
	w.g.Desired = 0
	w.settle()
	require.Len(t, w.g.Members, 2)
}

func startRefresh(w *world, version string, least, most int) {
	w.g.Refresh = &refresh{ID: "r", Status: types.InstanceRefreshStatusPending, Begun: w.now, Min: least, Max: most, Skip: true, Rollback: true,
		Wanted: template{ID: "lt", Version: version}, Before: w.g.Template, Explicit: true}
	w.reset()
}

func TestARefreshReplacesEveryMemberWithinItsBounds(t *testing.T) {
	for _, bounds := range []struct{ least, most, wantLeast, wantMost int }{{100, 150, 4, 6}, {100, 110, 4, 4}, {90, 100, 3, 4}, {50, 100, 2, 4}, {0, 100, 0, 4}, {100, 200, 4, 8}} {
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
		if bounds.least == 100 && bounds.most*4/100 > 4 {
			require.Equal(t, bounds.wantLeast, w.least, "%+v", bounds)
		}
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
