package autoscaling

import (
	"fmt"
	"slices"
	"testing"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// newZones makes a world without a testing.T of its own, for properties.
func newZones(zones, desired int) *world {
	w := newWorld(nil, zones, desired)
	w.dark = map[string]bool{}
	return w
}

// rest lets time pass until the group needs nothing for two minutes, longer than a troubled zone is avoided.
func (w *world) rest() error {
	quiet := 0
	for range 2000 {
		if w.turn() == 0 && (w.g.Refresh == nil || !w.g.Refresh.active()) {
			if quiet++; quiet > 2*int(lastRetry.Seconds()) {
				return nil
			}
		} else {
			quiet = 0
		}
	}
	return fmt.Errorf("the group never comes to rest: %+v", w.g.Members)
}

// Whatever fails in whatever order: when the zones are back, the group is at its size and the zones differ by one.
func TestAGroupIsAtSizeAndBalancedWhenItsZonesAreBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := rapid.IntRange(2, 4).Draw(t, "zones")
		w := newZones(zones, rapid.IntRange(1, 9).Draw(t, "desired"))
		if rapid.Bool().Draw(t, "policy") {
			least := rapid.IntRange(0, 100).Draw(t, "least")
			w.g.Maintenance = &maintenance{Min: least, Max: rapid.IntRange(100, min(200, least+100)).Draw(t, "most")}
		}
		for range rapid.IntRange(1, 4).Draw(t, "faults") {
			w.fault(t)
			for range rapid.IntRange(0, 90).Draw(t, "seconds") {
				w.turn()
			}
		}
		clear(w.dark)
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		alive, sick := split(w.g)
		if len(alive) != int(w.g.Desired) || len(sick) > 0 {
			t.Fatalf("%d members and %d unhealthy ones, desired are %d", len(alive), len(sick), w.g.Desired)
		}
		if uneven(w.g, alive) {
			t.Fatalf("zones stay uneven: %v", perZone(w.g, alive))
		}
	})
}

// fault breaks something: a zone with all that is in it, an instance, its health, or the size.
func (w *world) fault(t *rapid.T) {
	zone := rapid.SampledFrom(w.g.zones()).Draw(t, "zone")
	switch rapid.IntRange(0, 4).Draw(t, "fault") {
	case 0:
		w.dark[zone] = true
		for _, m := range w.g.Members {
			if m.Zone == zone {
				w.seen[m.ID] = observed{Known: true, State: ec2types.InstanceStateNameTerminated}
			}
		}
	case 1:
		delete(w.dark, zone)
	case 2:
		w.g.Desired = int32(rapid.IntRange(1, 9).Draw(t, "size"))
	default:
		if len(w.g.Members) == 0 {
			return
		}
		m := rapid.SampledFrom(w.g.Members).Draw(t, "member")
		if o := w.seen[m.ID]; m.alive() && o.State == ec2types.InstanceStateNameRunning {
			o.Targets = targetUnhealthy
			w.seen[m.ID] = o
		}
	}
}

// Balancing never costs a serving member, and goes over the desired capacity by a tenth or one at most.
func TestBalancingStaysWithinItsMargin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desired := rapid.IntRange(2, 30).Draw(t, "desired")
		w := newZones(2, desired)
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		w.g.Subnets = append(w.g.Subnets, subnet{ID: "subnet-c", Zone: "c"}, subnet{ID: "subnet-d", Zone: "d"})
		w.reset()
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		if w.least < desired || w.most > desired+max(1, desired/10) {
			t.Fatalf("between %d and %d of %d members served", w.least, w.most, desired)
		}
		if uneven(w.g, w.g.Members) {
			t.Fatalf("uneven: %v", w.spread())
		}
	})
}

func TestMembersMoveOutOfZonesThatAreTakenAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := rapid.IntRange(2, 4).Draw(t, "zones")
		desired := rapid.IntRange(1, 12).Draw(t, "desired")
		w := newZones(zones, desired)
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		w.g.Subnets = w.g.Subnets[:rapid.IntRange(1, zones-1).Draw(t, "kept")]
		w.reset()
		if err := w.rest(); err != nil {
			t.Fatal(err)
		}
		if w.least < desired || w.most > desired+max(1, desired/10) {
			t.Fatalf("between %d and %d of %d members served", w.least, w.most, desired)
		}
		for _, m := range w.g.Members {
			if w.g.hasLeft(m.Zone) {
				t.Fatalf("%s is still in %s", m.ID, m.Zone)
			}
		}
		if len(w.g.Members) != desired || uneven(w.g, w.g.Members) {
			t.Fatalf("%d of %d members, spread %v", len(w.g.Members), desired, w.spread())
		}
	})
}

func TestAZoneWithoutRoomIsAvoidedAndFilledLater(t *testing.T) {
	w := newWorld(t, 3, 6)
	require.NoError(t, w.rest())
	w.dark = map[string]bool{"c": true}
	for _, m := range w.g.Members {
		if m.Zone == "c" {
			w.seen[m.ID] = observed{Known: true, State: ec2types.InstanceStateNameTerminated}
		}
	}
	for range 30 {
		w.turn()
	}
	require.Equal(t, map[string]int{"a": 3, "b": 3, "c": 0}, w.spread(), "the others carry what it cannot")
	require.Contains(t, w.g.Trouble, "c")
	w.dark = nil
	w.reset()
	require.NoError(t, w.rest())
	require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, w.spread())
	require.Equal(t, 6, w.least, "no serving member is given up for balance")
	require.Equal(t, 7, w.most)
	require.Empty(t, w.g.Trouble)
}

func TestAGroupThatIsBalancedOnlyWaitsForItsZone(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.g.Distribution = types.CapacityDistributionStrategyBalancedOnly
	w.dark = map[string]bool{"b": true}
	for range 60 {
		w.turn()
	}
	require.Equal(t, map[string]int{"a": 1, "b": 0, "c": 1}, w.spread())
	w.dark = nil
	require.NoError(t, w.rest())
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, w.spread())
}

func TestAMaintenancePolicyLaunchesBeforeItTerminates(t *testing.T) {
	for _, c := range []struct {
		policy *maintenance
		served int // the fewest while one unhealthy member of three is replaced
		alive  int // the most, with the unhealthy one
	}{{nil, 2, 3}, {&maintenance{100, 150}, 2, 4}, {&maintenance{90, 100}, 2, 3}} {
		w := newWorld(t, 3, 3)
		w.g.Maintenance = c.policy
		require.NoError(t, w.rest())
		w.now = w.now.Add(2 * w.g.Grace)
		sick := w.g.Members[0].ID
		w.seen[sick] = observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetUnhealthy, Registered: 1}
		w.reset()
		require.NoError(t, w.rest())
		require.Nil(t, w.g.member(sick))
		require.Equal(t, c.served, w.least, "%+v", c.policy)
		require.Equal(t, c.alive, w.most, "%+v", c.policy)
	}
}

// What makes all members unhealthy, such as slow storage, is not healed by replacing them: without a replacement that is
// ready none may end, and the unhealthy ones take no room of the policy's.
func TestUnhealthyMembersStayUntilTheirReplacementsAreReady(t *testing.T) {
	w := newWorld(t, 3, 3)
	w.g.Maintenance = &maintenance{Min: 100, Max: 150}
	require.NoError(t, w.rest())
	w.now = w.now.Add(2 * w.g.Grace)
	var sick []string
	for _, m := range w.g.Members {
		sick = append(sick, m.ID)
		w.seen[m.ID] = observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetUnhealthy, Registered: 1}
	}
	w.dark = map[string]bool{"a": true, "b": true, "c": true}
	for range 120 {
		w.turn()
	}
	for _, id := range sick {
		require.True(t, w.g.member(id).alive(), "%s has no replacement", id)
	}
	clear(w.dark)
	w.reset()
	require.NoError(t, w.rest())
	for _, id := range sick {
		require.Nil(t, w.g.member(id))
	}
	require.Equal(t, 6, w.most, "three healthy or pending ones are within the policy, beside three that are not")
}

func TestAPolicyWithoutRoomAboveBalancesDownwards(t *testing.T) {
	w := newWorld(t, 2, 4)
	w.g.Maintenance = &maintenance{Min: 50, Max: 100}
	require.NoError(t, w.rest())
	w.g.Subnets = append(w.g.Subnets, subnet{ID: "subnet-c", Zone: "c"})
	w.reset()
	require.NoError(t, w.rest())
	require.False(t, uneven(w.g, w.g.Members), "%v", w.spread())
	require.Equal(t, 4, w.most)
	require.GreaterOrEqual(t, w.least, 2)
}

func TestEverySuspendedProcessRests(t *testing.T) {
	at := func(suspended string) *world {
		w := newWorld(t, 2, 4)
		require.NoError(t, w.rest())
		w.now = w.now.Add(2 * w.g.Grace)
		w.g.Suspended = []string{suspended}
		return w
	}
	ids := func(w *world) (ids []string) {
		for _, m := range w.g.Members {
			ids = append(ids, m.ID)
		}
		return ids
	}
	unhealthy := func(w *world) {
		o := w.seen[w.g.Members[0].ID]
		o.Targets = targetUnhealthy
		w.seen[w.g.Members[0].ID] = o
	}
	for _, process := range []string{"HealthCheck", "ReplaceUnhealthy", "Terminate"} {
		w := at(process)
		before := ids(w)
		unhealthy(w)
		require.NoError(t, w.rest())
		require.Equal(t, before, ids(w), process)
		require.Equal(t, process != "HealthCheck", w.g.Members[0].Unhealthy != "", "%s: whether it is marked", process)
		w.g.Suspended = nil
		require.NoError(t, w.rest())
		require.NotEqual(t, before, ids(w), "%s resumes", process)
	}
	w := at("AZRebalance")
	w.g.Subnets = append(w.g.Subnets, subnet{ID: "subnet-c", Zone: "c"})
	before := ids(w)
	require.NoError(t, w.rest())
	require.Equal(t, before, ids(w))
	w = at("InstanceRefresh")
	startRefresh(w, "2", 50, 100)
	for range 100 {
		w.turn()
	}
	require.Equal(t, "1", w.g.Members[0].Template.Version)
	require.True(t, w.g.Refresh.active())
}

func TestAMemberThatNoBalancerWasToldOfIsNotMissedThere(t *testing.T) {
	g := &group{Health: "ELB", Targets: []string{"tg"}, Grace: time.Second}
	m := member{State: types.LifecycleStateInService, Unlisted: true}
	o := observed{Known: true, State: ec2types.InstanceStateNameRunning, Targets: targetAbsent}
	why, _ := symptom(g, m, o, time.Now())
	require.Empty(t, why)
	m.Unlisted = false
	why, _ = symptom(g, m, o, time.Now())
	require.Equal(t, "an ELB system health check failure", why)
}

func TestCausesReadAsAWSWritesThem(t *testing.T) {
	w := newWorld(t, 2, 2)
	w.g.Reason = sentence(w.now, "a user request created an AutoScalingGroup changing the desired capacity from 0 to 2")
	first := plan(w.g, w.seen, w.now)
	require.Equal(t, "At 2001-09-09T01:46:40Z a user request created an AutoScalingGroup changing the desired capacity from 0 to 2.  "+
		"At 2001-09-09T01:46:40Z an instance was started in response to a difference between desired and actual capacity, increasing the capacity from 0 to 2.", first[0].Launch.Cause)
	require.NoError(t, w.rest())
	require.Empty(t, w.g.Reason, "what comes later has causes of its own")
	w.g.Desired = 1
	i := slices.IndexFunc(plan(w.g, w.seen, w.now), func(s step) bool { return s.End != nil })
	end := plan(w.g, w.seen, w.now)[i].End
	require.Contains(t, end.Cause, " an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from 2 to 1.  At ")
	require.Contains(t, end.Cause, " instance "+end.ID+" was selected for termination.")
	w.g.Desired, w.g.Subnets = 2, w.g.Subnets[:1]
	for i := range w.g.Members {
		w.g.Members[i].Zone = "a"
	}
	w.g.Subnets = append(w.g.Subnets, subnet{ID: "subnet-z", Zone: "z"})
	balance := plan(w.g, w.seen, w.now)
	require.Contains(t, balance[0].Launch.Cause, "availability zones a z had 2 0 instances respectively. An instance was launched to aid in balancing the group's zones.")
}
