package autoscaling

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sized is a group of so many members, the youngest of which warm up.
func sized(desired, young int32, now time.Time) *group {
	g := &group{Min: 1, Max: 20, Desired: desired, Warmup: aws.Int32(60)}
	for i := range desired {
		m := member{ID: fmt.Sprint(i), State: types.LifecycleStateInService, InService: now.Add(-time.Hour)}
		if i < young {
			m.InService = now.Add(-time.Second)
		}
		g.Members = append(g.Members, m)
	}
	return g
}

func target(value float64) types.ScalingPolicy {
	return types.ScalingPolicy{PolicyType: aws.String(tracking), TargetTrackingConfiguration: &types.TargetTrackingConfiguration{TargetValue: &value}}
}

// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
func TestTargetTrackingIsProportional(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		desired, young int32
		value          float64
		want           int32
	}{
		{2, 0, 50, 2}, {2, 0, 51, 3}, {2, 0, 100, 4}, {10, 0, 60, 12}, // one and a half more are two more
		{10, 0, 40, 8}, {10, 0, 41, 9}, {3, 0, 40, 3}, {2, 0, 1, 1}, {4, 0, 0, 1}, // one and a half fewer are one fewer
		{19, 0, 500, 20},                            // the greatest size
		{5, 1, 62, 5}, {5, 1, 90, 8}, {5, 5, 90, 5}, // those that warm up are not in the value yet
		{5, 1, 10, 5}, // nothing is removed while one warms up
	} {
		require.Equal(t, c.want, tracked(sized(c.desired, c.young, now), target(50), c.value, now), "%+v", c)
	}
	fixed := target(50)
	fixed.TargetTrackingConfiguration.DisableScaleIn = aws.Bool(true)
	require.EqualValues(t, 4, tracked(sized(4, 0, now), fixed, 10, now))
	require.EqualValues(t, 8, tracked(sized(4, 0, now), fixed, 100, now))
}

func stepPolicy(kind string, magnitude *int32, steps ...types.StepAdjustment) types.ScalingPolicy {
	return types.ScalingPolicy{PolicyType: aws.String("StepScaling"), AdjustmentType: &kind, StepAdjustments: steps, MinAdjustmentMagnitude: magnitude}
}

func stepOf(low, high *float64, adjustment int32) types.StepAdjustment {
	return types.StepAdjustment{MetricIntervalLowerBound: low, MetricIntervalUpperBound: high, ScalingAdjustment: &adjustment}
}

// The example of https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html: ten instances, a
// threshold of 60 upwards and of 40 downwards.
func TestStepsOfTheUserGuide(t *testing.T) {
	now, f := time.Unix(1e9, 0), aws.Float64
	out := stepPolicy("PercentChangeInCapacity", nil, stepOf(f(0), f(10), 0), stepOf(f(10), f(20), 10), stepOf(f(20), nil, 30))
	in := stepPolicy("PercentChangeInCapacity", nil, stepOf(f(-10), f(0), 0), stepOf(f(-20), f(-10), -10), stepOf(nil, f(-20), -30))
	for _, c := range []struct {
		policy         types.ScalingPolicy
		desired, young int32
		breach         float64
		want           int32
	}{
		{out, 10, 0, 0, 10}, {out, 10, 0, 9.9, 10}, {out, 10, 0, 10, 11}, {out, 10, 0, 20, 13}, {out, 10, 0, 35, 13},
		{out, 11, 1, 12, 11}, // the one that warms up answers this breach already
		{out, 11, 1, 22, 13}, // and counts towards a higher step
		{in, 10, 0, 0, 10}, {in, 10, 0, -9.9, 10}, {in, 10, 0, -10, 9}, {in, 10, 0, -25, 7}, {in, 10, 1, -25, 10},
		{stepPolicy("PercentChangeInCapacity", aws.Int32(2), stepOf(f(0), nil, 10)), 4, 0, 5, 6},
		{stepPolicy("ExactCapacity", nil, stepOf(f(0), nil, 7)), 4, 0, 5, 7},
		{stepPolicy("ExactCapacity", nil, stepOf(f(0), nil, 3)), 4, 0, 5, 3},
		{stepPolicy("ChangeInCapacity", nil, stepOf(nil, f(0), -100)), 4, 0, -5, 1},
	} {
		got, err := stepped(sized(c.desired, c.young, now), c.policy, c.breach, now)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%+v", c)
	}
	_, err := stepped(sized(4, 0, now), stepPolicy("ChangeInCapacity", nil, stepOf(f(5), nil, 1)), 1, now)
	require.ErrorContains(t, err, "No step adjustment")
}

func TestDatapointsAreAggregated(t *testing.T) {
	b := Breach{Value: 9, Values: []float64{3, 6, 9}}
	for how, want := range map[string]float64{"Average": 6, "Minimum": 3, "Maximum": 9} {
		require.Equal(t, want, b.aggregated(how), how)
	}
	require.Equal(t, 9.0, Breach{Value: 9}.aggregated("Minimum"))
}

// Scaling in counts the members that are ending as part of the group: a second alarm for the same load ends no more.
func TestMembersThatEndAreCountedWhenScalingIn(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := sized(4, 0, now)
	g.Members[0].State = types.LifecycleStateTerminating
	g.Desired = 3
	got, err := stepped(g, stepPolicy("ChangeInCapacity", nil, stepOf(nil, aws.Float64(0), -1)), -5, now)
	require.NoError(t, err)
	require.EqualValues(t, 3, got)
}

// Whatever is measured, no policy leaves the bounds of the group.
func TestNoPolicyLeavesTheGroupsBounds(t *testing.T) {
	now := time.Unix(1e9, 0)
	rapid.Check(t, func(t *rapid.T) {
		g := sized(rapid.Int32Range(0, 12).Draw(t, "desired"), rapid.Int32Range(0, 12).Draw(t, "young"), now)
		g.Min = rapid.Int32Range(0, g.Desired).Draw(t, "min")
		g.Max = rapid.Int32Range(g.Desired, 30).Draw(t, "max")
		value := rapid.Float64Range(0, 1e12).Draw(t, "value")
		adjustment := rapid.Int32Range(-1000, 1000).Draw(t, "adjustment")
		kind := rapid.SampledFrom(adjustmentTypes).Draw(t, "kind")
		policy := stepPolicy(kind, nil, stepOf(aws.Float64(0), nil, adjustment))
		byStep, err := stepped(g, policy, value, now)
		if err != nil {
			t.Fatal(err)
		}
		simply := g.within(adjusted(g.Desired, policy, adjustment))
		for name, wanted := range map[string]int32{"tracking": tracked(g, target(rapid.Float64Range(1e-6, 1e6).Draw(t, "target")), value, now), "step": byStep, "simple": simply} {
			if wanted < g.Min || wanted > g.Max {
				t.Fatalf("%s wants %d of a group between %d and %d", name, wanted, g.Min, g.Max)
			}
		}
		if kind != "ExactCapacity" && adjustment > 0 && byStep < g.Desired {
			t.Fatalf("a step upwards led down from %d to %d", g.Desired, byStep)
		}
	})
}

func TestTheCooldownBeginsWhenTheActivityHasEnded(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := sized(2, 0, now)
	g.Cooldown = 300
	g.resized(types.ScalingPolicy{PolicyType: aws.String(simple), Cooldown: aws.Int32(60)}, 3)
	g.cool(now)
	require.True(t, g.cools(now.Add(time.Hour)), "its third member is not there yet")
	g.Members = append(g.Members, member{ID: "new", State: types.LifecycleStateInService, InService: now})
	g.cool(now)
	require.True(t, g.cools(now.Add(59*time.Second)))
	require.False(t, g.cools(now.Add(61*time.Second)))
	g.cool(now.Add(61 * time.Second))
	require.Nil(t, g.Cooling)
}

func TestOldestTemplatesAndHoursOrderTerminations(t *testing.T) {
	now := time.Unix(1e9, 0)
	at := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	members := []member{
		{ID: "foreign", Zone: "a", Template: template{ID: "other", Version: "9"}, Launched: at(10)},
		{ID: "v2", Zone: "a", Template: template{ID: "lt", Version: "2"}, Launched: at(119)},
		{ID: "v10", Zone: "a", Template: template{ID: "lt", Version: "10"}, Launched: at(90)},
	}
	g := &group{Template: template{ID: "lt", Version: "10"}, Subnets: []subnet{{"s", "a"}}}
	for policy, want := range map[string]string{"OldestLaunchTemplate": "foreign", "ClosestToNextInstanceHour": "v2", "OldestInstance": "v2", "NewestInstance": "foreign", "Default": "foreign"} {
		g.Policies = []string{policy}
		require.Equal(t, want, chooseToEnd(g, members, members, nil, now).ID, policy)
	}
	g.Policies = []string{"OldestLaunchTemplate"}
	require.Equal(t, "v2", chooseToEnd(g, members[1:], members[1:], nil, now).ID, "of the group's own template the oldest version, as numbers")
}
