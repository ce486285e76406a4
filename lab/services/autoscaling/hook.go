package autoscaling

import (
	"slices"
	"time"

	"haven/lab/cloud"
)

// Transitions that a lifecycle hook can stop
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html).
const (
	onLaunch    = "autoscaling:EC2_INSTANCE_LAUNCHING"
	onTerminate = "autoscaling:EC2_INSTANCE_TERMINATING"
)

// Results of a lifecycle action.
const (
	proceed = "CONTINUE"
	abandon = "ABANDON"
)

const (
	defaultHeartbeat = 3600           // seconds
	longestWait      = 48 * time.Hour // or a hundred heartbeats, whichever is less
)

// hook is a lifecycle hook: an instance waits at its transition until somebody completes the action.
type hook struct {
	Name       string
	Transition string
	Heartbeat  int32 // seconds
	Default    string
	Target     string // the topic that is told; empty: none
	Role       string
	Metadata   string
}

// action is one hook that a member waits for.
type action struct {
	Hook   string
	Token  string
	Until  time.Time // when the heartbeat ends
	Limit  time.Time // when no heartbeat helps any more
	Result string    // empty: not yet known
}

// longest is how long an action can be kept going by heartbeats.
func (h hook) longest() time.Duration {
	return min(longestWait, 100*time.Duration(h.Heartbeat)*time.Second)
}

// hooksOn returns the group's hooks of a transition. A group that is being deleted by force waits for none.
func (g *group) hooksOn(transition string) []hook {
	if g.Deleting {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(g.Hooks), func(h hook) bool { return h.Transition != transition })
}

// begun makes the member's actions for a transition.
func begun(hooks []hook, now time.Time) (actions []action) {
	for _, h := range hooks {
		actions = append(actions, action{
			Hook: h.Name, Token: cloud.NewUUID(),
			Until: now.Add(time.Duration(h.Heartbeat) * time.Second).UTC(), Limit: now.Add(h.longest()).UTC(),
		})
	}
	return actions
}

// outcome tells how the member's wait ends at this moment: CONTINUE or ABANDON, or "" while it goes on. An action whose time
// is over gets its hook's default result; an abandoned launch ends the wait at once.
func (g *group) outcome(m member, now time.Time) string {
	waiting := false
	for _, a := range m.Actions {
		switch g.resultOf(a, now) {
		case "":
			waiting = true
		case abandon:
			return abandon
		}
	}
	if waiting {
		return ""
	}
	return proceed
}

func (g *group) resultOf(a action, now time.Time) string {
	i := slices.IndexFunc(g.Hooks, func(h hook) bool { return h.Name == a.Hook })
	switch {
	case a.Result != "":
		return a.Result
	case i < 0: // the hook was deleted: its instances are let go (API_DeleteLifecycleHook: abandoned when launching)
		return abandon
	case now.Before(a.Until):
		return ""
	}
	return g.Hooks[i].Default
}
