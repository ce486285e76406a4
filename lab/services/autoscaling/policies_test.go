package autoscaling

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/stretchr/testify/require"
)

func TestTerminationPoliciesChooseInTheirOrder(t *testing.T) {
	at := func(hour int) time.Time { return time.Unix(1e9, 0).Add(time.Duration(hour) * time.Hour) }
	members := []member{
		{ID: "old-current", Zone: "a", State: types.LifecycleStateInService, Template: template{Version: "2"}, Launched: at(1)},
		{ID: "young-outdated", Zone: "a", State: types.LifecycleStateInService, Template: template{Version: "1"}, Launched: at(3)},
		{ID: "newest", Zone: "a", State: types.LifecycleStateInService, Template: template{Version: "2"}, Launched: at(4)},
		{ID: "elsewhere", Zone: "b", State: types.LifecycleStateInService, Template: template{Version: "1"}, Launched: at(0)},
	}
	for policy, want := range map[string]string{
		"Default": "young-outdated", "OldestInstance": "old-current", "NewestInstance": "newest", "OldestLaunchTemplate": "young-outdated",
	} {
		g := &group{Template: template{Version: "2"}, Subnets: []subnet{{"s-a", "a"}, {"s-b", "b"}}, Policies: []string{policy}, Members: members}
		require.Equal(t, want, chooseToEnd(g, members, members, nil, at(5)).ID, policy)
		guarded := slices.Clone(members)
		for i := range guarded {
			guarded[i].Protected = guarded[i].ID == want
		}
		require.NotEqual(t, want, chooseToEnd(g, guarded, guarded, nil, at(5)).ID, "a protected instance is never chosen")
	}
}

func TestAnActionEndsByItsTimeWithTheHooksDefault(t *testing.T) {
	now := time.Unix(1e9, 0)
	g := &group{Hooks: []hook{{Name: "h", Transition: onLaunch, Heartbeat: 30, Default: proceed}, {Name: "strict", Transition: onLaunch, Heartbeat: 60, Default: abandon}}}
	m := member{Actions: begun(g.hooksOn(onLaunch), now)}
	require.Equal(t, "", g.outcome(m, now.Add(29*time.Second)))
	require.Equal(t, "", g.outcome(m, now.Add(31*time.Second)), "the other hook is still waited for")
	require.Equal(t, abandon, g.outcome(m, now.Add(61*time.Second)))
	m.Actions[1].Result = proceed
	require.Equal(t, proceed, g.outcome(m, now.Add(31*time.Second)))
	require.Equal(t, proceed, g.outcome(member{}, now), "nothing to wait for")
	g.Hooks = g.Hooks[:1]
	m.Actions[1].Result = ""
	require.Equal(t, abandon, g.outcome(m, now), "its hook was deleted")
}

func TestPercentagesRoundAsDocumented(t *testing.T) {
	for _, c := range []struct{ desired, percent, magnitude, want int32 }{
		{10, 25, 0, 2}, {10, 5, 0, 1}, {10, -5, 0, -1}, {4, 25, 2, 2}, {4, -25, 2, -2}, {0, 50, 0, 0}, {4, 100, 0, 4},
	} {
		require.Equal(t, c.want, percentOf(c.desired, c.percent, c.magnitude), "%+v", c)
	}
}
