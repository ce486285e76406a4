package autoscaling

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"
)

// world plays EC2 and the balancer for a group, a step at a time.
type world struct {
	t       *testing.T
	g       *group
	seen    map[string]observed
	now     time.Time
	next    int
	least   int             // fewest members that served since it was reset
	most    int             // most members that were alive
	ringing string          // an alarm of the refresh
	dark    map[string]bool // zones whose launches fail
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
	w.g.settle(w.seen, w.ringing, w.now)
	planned := plan(w.g, w.seen, w.now)
	for _, s := range planned {
		if s.Launch == nil {
			w.take(s)
		}
	}
	w.launch()
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

// launch carries out launches one by one, each planned anew, as the reconciler does; they fail in dark zones.
func (w *world) launch() {
	for range 100 {
		next := slices.IndexFunc(plan(w.g, w.seen, w.now), func(s step) bool { return s.Launch != nil })
		if next < 0 {
			return
		}
		s := plan(w.g, w.seen, w.now)[next]
		if w.dark[s.Launch.Zone] {
			w.g.refused(s.Launch.Zone, w.now)
		} else {
			w.take(s)
		}
	}
	w.t.Fatal("launches never end")
}

func (w *world) take(s step) {
	switch {
	case s.Launch != nil:
		w.next++
		id := fmt.Sprintf("i-%03d", w.next)
		version := w.g.wantedTemplate()
		w.g.Members = append(w.g.Members, member{ID: id, Zone: s.Launch.Zone, Subnet: s.Launch.Subnet, Template: version, State: types.LifecycleStatePending, Launched: w.now, Balancing: s.Launch.Balance})
		delete(w.g.Trouble, s.Launch.Zone)
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
