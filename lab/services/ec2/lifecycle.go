package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/realm/machine"
)

// effect is what the reconciler has the realm do for an instance.
type effect string

const (
	effectNone    effect = ""
	effectStart   effect = "start"
	effectRefresh effect = "refresh" // tell a running machine what changed
	effectStop    effect = "stop"
	effectReboot  effect = "reboot"
	effectDelete  effect = "delete"
)

// verdict is what a look at an instance comes to: an effect that is needed, and a change of the row, if any.
type verdict struct {
	effect effect
	change func(*instanceRow) // nil: none
}

// judge compares an instance with what is observed of its machine. It is level-triggered: after a restart of the lab
// nothing is observed, and what was running is booted again.
func judge(row *instanceRow, seen machine.Observation) verdict {
	switch row.State {
	case types.InstanceStateNamePending:
		if seen.Phase == machine.PhaseRunning {
			return verdict{effectNone, isRunning}
		}
		return verdict{effect: effectStart}
	case types.InstanceStateNameRunning:
		return judgeRunning(row, seen)
	case types.InstanceStateNameStopping:
		if seen.Phase == machine.PhaseRunning || seen.Phase == machine.PhaseCrashed {
			return verdict{effect: effectStop}
		}
		return verdict{effectNone, isStopped}
	case types.InstanceStateNameStopped:
		if seen.Phase == machine.PhaseRunning {
			return verdict{effect: effectStop}
		}
	case types.InstanceStateNameShuttingDown:
		return verdict{effect: effectDelete}
	}
	return verdict{}
}

func judgeRunning(row *instanceRow, seen machine.Observation) verdict {
	switch seen.Phase {
	case machine.PhaseRunning:
		switch {
		case row.Reboot:
			return verdict{effect: effectReboot}
		case row.Impaired:
			return verdict{effectRefresh, isRunning}
		}
		return verdict{effect: effectRefresh}
	case machine.PhaseCrashed:
		switch {
		case row.Reboot:
			return verdict{effect: effectStart}
		case !row.Impaired:
			return verdict{effectNone, isImpaired}
		}
		return verdict{}
	case machine.PhaseStopped:
		if row.ShutdownBehavior == types.ShutdownBehaviorTerminate {
			return verdict{effectDelete, isShutDown}
		}
		return verdict{effectNone, isShutDown}
	}
	return verdict{effect: effectStart} // the lab was restarted
}

func isRunning(row *instanceRow) {
	row.State, row.Reason, row.Transition, row.Impaired = types.InstanceStateNameRunning, nil, "", false
}

func isImpaired(row *instanceRow) { row.Impaired, row.ImpairedSince = true, now() }

func isStopped(row *instanceRow) {
	row.State, row.Impaired, row.Reboot, row.ForceStop = types.InstanceStateNameStopped, false, false, false
}

// isShutDown follows a shutdown from inside: the instance stops or, if it was told so, terminates.
func isShutDown(row *instanceRow) {
	row.Reason = &reason{"Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
	if row.ShutdownBehavior == types.ShutdownBehaviorTerminate {
		row.State = types.InstanceStateNameShuttingDown
		return
	}
	isStopped(row)
}
