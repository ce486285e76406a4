package autoscaling

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// observed is what is known of a member outside the group.
type observed struct {
	Known    bool // EC2 knows the instance
	State    ec2types.InstanceStateName
	Impaired bool // a status check fails
	// Targets is the worst verdict over the group's target groups: "" without any.
	Targets targetState
	// Registered counts the target groups in which the instance is still a target, draining ones included.
	Registered int
}

type targetState string

const (
	targetHealthy   targetState = "healthy"
	targetInitial   targetState = "initial"
	targetUnhealthy targetState = "unhealthy"
	targetAbsent    targetState = "absent" // not registered
)

// step is one thing to do. Exactly one of its fields is set.
type step struct {
	Launch    *launch
	Wait      string // the member is to wait for its transition's lifecycle hooks
	Serve     string // the member's instance runs: register it and call it in service
	End       *ending
	Terminate string // the member has drained: end its instance
	Forget    string // the member's instance is gone
}

// launch is an instance to start, with the whole cause that its activity tells.
type launch struct {
	Subnet  string
	Zone    string
	Cause   string
	Balance bool // it is over the desired capacity, to balance the zones
}

// ending is a member to take out of service. Status is set when that makes its launch a failed one.
type ending struct {
	ID     string
	Cause  string
	Status string
}

// plan decides what a settled group does next: state changes of its members first, then its size. The same answer comes
// out until something changes.
func plan(g *group, seen map[string]observed, now time.Time) []step {
	steps := advance(g, seen, now)
	if g.Refresh != nil && g.Refresh.rolling() && !g.suspended("InstanceRefresh") {
		return append(steps, permitted(g, roll(g, seen, now))...)
	}
	return append(steps, permitted(g, resize(g, seen, now))...)
}

// permitted leaves out what a suspended process would have to do.
func permitted(g *group, steps []step) []step {
	return slices.DeleteFunc(steps, func(s step) bool {
		return s.Launch != nil && g.suspended("Launch") || s.End != nil && g.suspended("Terminate")
	})
}

// advance moves members along: pending ones that run into service, ending ones towards their end, both by way of the
// group's lifecycle hooks.
func advance(g *group, seen map[string]observed, now time.Time) (steps []step) {
	for _, m := range g.Members {
		if s, ok := advanceOne(g, m, seen[m.ID], now); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

func advanceOne(g *group, m member, o observed, now time.Time) (step, bool) {
	gone := !o.Known || o.State == ec2types.InstanceStateNameTerminated
	running := o.State == ec2types.InstanceStateNameRunning
	drained := o.Registered == 0 && o.State != ec2types.InstanceStateNameShuttingDown
	switch m.State {
	case types.LifecycleStatePending:
		if running && len(g.hooksOn(onLaunch)) > 0 && m.InService.IsZero() {
			return step{Wait: m.ID}, true
		}
		return step{Serve: m.ID}, running
	case types.LifecycleStatePendingWait:
		switch g.outcome(m, now) {
		case proceed:
			return step{Serve: m.ID}, running
		case abandon:
			return step{End: abandoned(m, now)}, true
		}
	case types.LifecycleStateTerminating:
		switch {
		case gone:
			return step{Forget: m.ID}, true
		case drained && len(g.hooksOn(onTerminate)) > 0:
			return step{Wait: m.ID}, true
		}
		return step{Terminate: m.ID}, drained
	case types.LifecycleStateTerminatingWait, types.LifecycleStateTerminatingProceed:
		if gone {
			return step{Forget: m.ID}, true
		}
		return step{Terminate: m.ID}, drained && (g.Deleting || g.outcome(m, now) != "")
	case types.LifecycleStateStandby:
		return step{Forget: m.ID}, gone
	}
	return step{}, false
}

func abandoned(m member, now time.Time) *ending {
	token := ""
	for _, a := range m.Actions {
		token = a.Token
	}
	return &ending{
		ID: m.ID, Cause: sentence(now, "an instance was taken out of service in response to a launch that its lifecycle hook abandoned"),
		Status: "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token " + token + " was abandoned: Lifecycle Action Completed with ABANDON Result",
	}
}

// diagnose marks members that have to be replaced. An instance that ended or stopped is unhealthy at once; failed
// checks count only after the grace period
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html).
func (g *group) diagnose(seen map[string]observed, now time.Time) {
	if g.suspended("HealthCheck") {
		return
	}
	for i := range g.Members {
		m := &g.Members[i]
		if !m.alive() || m.Lost {
			continue
		}
		if why, lost := symptom(g, *m, seen[m.ID], now); why != "" && (m.Unhealthy == "" || lost) {
			if r := g.Refresh; m.Unhealthy == "" && r != nil && r.rolling() && m.Launched.After(r.Begun) && !r.outdated(*m) {
				r.Failures++
			}
			m.Unhealthy, m.Lost = why, lost
		}
	}
}

// symptom tells why a member is unhealthy, as the causes of activities have it
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-healthchecks.html).
func symptom(g *group, m member, o observed, now time.Time) (why string, lost bool) {
	switch {
	case !o.Known, o.State == ec2types.InstanceStateNameTerminated, o.State == ec2types.InstanceStateNameShuttingDown,
		o.State == ec2types.InstanceStateNameStopped, o.State == ec2types.InstanceStateNameStopping:
		return "an EC2 health check indicating it has been terminated or stopped", true
	case m.State != types.LifecycleStateInService || now.Sub(m.InService) < g.Grace:
		return "", false
	case o.Impaired:
		return "an EC2 instance status checks failure", false
	case g.Health == "ELB" && (o.Targets == targetUnhealthy || o.Targets == targetAbsent && !m.Unlisted):
		return "an ELB system health check failure", false
	}
	return "", false
}

// wellServing reports whether a member carries load.
func wellServing(g *group, m member, o observed) bool {
	return m.State == types.LifecycleStateInService && m.Unhealthy == "" && o.State == ec2types.InstanceStateNameRunning &&
		(len(g.Targets) == 0 || o.Targets == targetHealthy || m.Unlisted)
}

// split tells the healthy members from the unhealthy ones; ending members are neither.
func split(g *group) (alive, sick []member) {
	for _, m := range g.Members {
		switch {
		case !m.alive():
		case m.Unhealthy != "":
			sick = append(sick, m)
		default:
			alive = append(alive, m)
		}
	}
	return alive, sick
}

func allServing(g *group, members []member, seen map[string]observed) bool {
	return !slices.ContainsFunc(members, func(m member) bool { return !wellServing(g, m, seen[m.ID]) })
}

// ready counts the members that carry load and have warmed up.
func ready(g *group, members []member, seen map[string]observed, warmup time.Duration, now time.Time) (n int) {
	for _, m := range members {
		if wellServing(g, m, seen[m.ID]) && !m.warming(warmup, now) {
			n++
		}
	}
	return n
}
