package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/realm/machine"
)

// effect is what the reconciler has the realm do for an instance.
type effect string

const (
	effectNone     effect = ""
	effectStart    effect = "start"
	effectRefresh  effect = "refresh" // tell a running machine what changed
	effectStop     effect = "stop"
	effectReboot   effect = "reboot"
	effectDelete   effect = "delete"
	effectPowerOff effect = "power off" // its zone has no power
)

// verdict is what a look at an instance comes to: an effect that is needed, and a change of the row, if any.
type verdict struct {
	effect effect
	change func(*instanceRow) // nil: none
}

// judge compares an instance with what is observed of its machine. It is level-triggered: after a restart of the lab
// nothing is observed, and what was running is booted again. dark says that its zone has no power.
func judge(row *instanceRow, seen machine.Observation, dark bool) verdict {
	if dark {
		return judgeDark(row, seen)
	}
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

// judgeDark is for instances in a zone without power: nothing runs there, and what was to start has failed.
func judgeDark(row *instanceRow, seen machine.Observation) verdict {
	result := verdict{}
	if seen.Phase == machine.PhaseRunning {
		result.effect = effectPowerOff
	}
	switch row.State {
	case types.InstanceStateNamePending:
		result.change = func(row *instanceRow) { row.giveUp("the instance's host has lost its power") }
	case types.InstanceStateNameRunning:
		if !row.Impaired {
			result.change = isImpaired
		}
	case types.InstanceStateNameStopping:
		if seen.Phase != machine.PhaseRunning {
			result.change = isStopped
		}
	case types.InstanceStateNameShuttingDown:
		result.effect = effectDelete
	}
	return result
}

func judgeRunning(row *instanceRow, seen machine.Observation) verdict {
	switch seen.Phase {
	case machine.PhaseRunning:
		switch {
		case row.Reboot:
			return verdict{effect: effectReboot}
		case seen.Health == machine.HealthOK && (row.Impaired || !row.Checked):
			return verdict{effectRefresh, isChecked}
		case seen.Health == machine.HealthFailed && !row.Impaired:
			return verdict{effectRefresh, isImpaired}
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
	return verdict{effect: effectStart} // the lab was restarted, or power has returned
}

func isRunning(row *instanceRow) {
	row.State, row.Reason, row.Transition, row.Restarted = types.InstanceStateNameRunning, nil, "", false
	row.Impaired, row.Checked = false, false
}

// isChecked is when the instance status check passes: for the first time since a boot, or again.
func isChecked(row *instanceRow) { row.Impaired, row.Checked = false, true }

func isImpaired(row *instanceRow) { row.Impaired, row.ImpairedSince = true, now() }

func isStopped(row *instanceRow) {
	row.State, row.Impaired, row.Reboot, row.ForceStop, row.Restarted = types.InstanceStateNameStopped, false, false, false, false
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

// giveUp is when a pending instance does not come up: a launch ends terminated, a start of what was stopped ends stopped
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html).
func (i *instanceRow) giveUp(why string) {
	i.Reason = &reason{"Server.InternalError", "Server.InternalError: Internal error on launch: " + why}
	if i.Restarted {
		isStopped(i)
		return
	}
	i.State = types.InstanceStateNameShuttingDown
}
