package fis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Parameters of actions.
const (
	parameterDuration   = "duration"
	parameterRestart    = "startInstancesAfterDuration"
	parameterTerminated = "completeIfInstancesTerminated"
)

var instanceTarget = map[string]string{"Instances": "aws:ec2:instance"}

func checkBool(text string) error {
	_, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

var stopInstances = action{
	description: "Stop the specified EC2 instances.", targets: instanceTarget,
	parameters: map[string]parameter{
		parameterRestart:    {"The time to wait before starting the instances, from one minute to 12 hours (ISO 8601)", false, checkDuration},
		parameterTerminated: {"Whether the action succeeds when instances to be started were terminated meanwhile", false, checkBool},
	},
	needs: func(d *deed) []need {
		needs := anywhere("ec2:DescribeInstances")
		for _, t := range d.targets {
			needs = append(needs, t.on("ec2", "StopInstances"))
			if d.given.Parameters[parameterRestart] != "" {
				needs = append(needs, t.on("ec2", "StartInstances"))
			}
		}
		return needs
	},
	begin: beginStop, look: lookStopped, back: startAgain,
}

// beginStop stops those that run. Only they are started again.
func beginStop(ctx context.Context, d *deed) error {
	states, err := d.states(ctx)
	if err != nil {
		return err
	}
	var running []string
	for _, id := range d.ids() {
		if state := states[id]; state == ec2types.InstanceStateNameRunning || slices.Contains(d.run.Changed, id) && state != ec2types.InstanceStateNameTerminated {
			running = append(running, id)
		}
	}
	if len(running) == 0 {
		return errors.New("none of the instances is running")
	}
	if d.given.Parameters[parameterRestart] != "" {
		if err := d.note(func(r *run) { r.Changed = running }); err != nil {
			return err
		}
	}
	_, err = d.service.deps.Instances.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: running})
	return err
}

func lookStopped(ctx context.Context, d *deed) (bool, error) {
	if !d.run.Until.IsZero() {
		return d.timeOver(), nil
	}
	states, err := d.states(ctx)
	if err != nil {
		return false, err
	}
	for _, id := range d.ids() {
		if state := states[id]; state == ec2types.InstanceStateNameStopping || state == ec2types.InstanceStateNameRunning {
			return false, nil
		}
	}
	return true, nil
}

// startAgain starts what was stopped. What was terminated meanwhile is lost.
func startAgain(ctx context.Context, d *deed) error {
	states, err := d.states(ctx)
	if err != nil || len(d.run.Changed) == 0 {
		return err
	}
	var startable, gone []string
	for _, id := range d.run.Changed {
		switch states[id] {
		case ec2types.InstanceStateNameStopped:
			startable = append(startable, id)
		case ec2types.InstanceStateNameStopping:
			return fmt.Errorf("instance %s is still stopping", id)
		case ec2types.InstanceStateNameShuttingDown, ec2types.InstanceStateNameTerminated, "":
			gone = append(gone, id)
		}
	}
	if len(startable) > 0 {
		if _, err := d.service.deps.Instances.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: startable}); err != nil {
			return err
		}
	}
	if tolerated, _ := strconv.ParseBool(d.parameter(parameterTerminated, "false")); len(gone) > 0 && !tolerated {
		return lostError{fmt.Errorf("these instances were terminated and can't be started: %v", gone)}
	}
	return nil
}

// states are the states of the instances that the action is on.
func (d *deed) states(ctx context.Context) (map[string]ec2types.InstanceStateName, error) {
	out, err := d.service.deps.Instances.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
		Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: append(d.ids(), d.run.Changed...)}},
	})
	if err != nil {
		return nil, err
	}
	states := map[string]ec2types.InstanceStateName{}
	for _, reservation := range out.Reservations {
		for _, i := range reservation.Instances {
			states[*i.InstanceId] = i.State.Name
		}
	}
	return states, nil
}

// each asks for an action on every target.
func each(service, action string) func(*deed) []need {
	return func(d *deed) (needs []need) {
		for _, t := range d.targets {
			needs = append(needs, t.on(service, action))
		}
		return needs
	}
}

var terminateInstances = action{
	description: "Terminate the specified EC2 instances.", targets: instanceTarget, needs: each("ec2", "TerminateInstances"),
	begin: func(ctx context.Context, d *deed) error {
		_, err := d.service.deps.Instances.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: d.ids()})
		return err
	},
}

var rebootInstances = action{
	description: "Reboot the specified EC2 instances.", targets: instanceTarget, needs: each("ec2", "RebootInstances"),
	begin: func(ctx context.Context, d *deed) error {
		_, err := d.service.deps.Instances.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: d.ids()})
		return err
	},
}
