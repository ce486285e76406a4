package autoscaling

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
	"haven/lab/services/ec2"
)

// take does one step of a plan that is no launch.
func (s *Service) take(tx *cloud.Tx, g *group, next step, now time.Time) error {
	switch {
	case next.Wait != "":
		return s.await(tx, g, g.member(next.Wait), now)
	case next.Serve != "":
		return s.serve(tx, g, g.member(next.Serve), now)
	case next.End != nil:
		return s.end(tx, g, g.member(next.End.ID), *next.End, now)
	case next.Terminate != "":
		if m := g.member(next.Terminate); m.State == types.LifecycleStateTerminatingWait {
			m.State = types.LifecycleStateTerminatingProceed
		}
		return s.instances.Terminate(tx, g.Region, next.Terminate, "Client.UserInitiatedShutdown: Instance initiated by Auto Scaling")
	default:
		return s.forget(tx, g, next.Forget, now)
	}
}

// refusedLaunch is a launch that EC2 refused; its transaction is undone.
type refusedLaunch struct {
	wanted  launch
	because error
}

func (r *refusedLaunch) Error() string {
	return fmt.Sprintf("launching an instance in %s: %v", r.wanted.Zone, r.because)
}

func (r *refusedLaunch) Unwrap() error { return r.because }

// launch starts one instance.
func (s *Service) launch(tx *cloud.Tx, g *group, wanted launch) error {
	resolved, err := s.resolve(tx, g.Region, g.wantedTemplate())
	if err != nil {
		return &refusedLaunch{wanted, err}
	}
	made, err := s.start(tx, g, resolved, wanted.Subnet)
	if err != nil {
		return &refusedLaunch{wanted, err}
	}
	now := s.now().UTC()
	delete(g.Trouble, made.Zone)
	a := newActivity(g, "Launching a new EC2 instance: "+made.ID, wanted.Cause, made.ID, wanted.Subnet, made.Zone, now)
	a.Status = types.ScalingActivityStatusCodePreInService
	g.Members = append(g.Members, member{
		ID: made.ID, Type: made.Type, Zone: made.Zone, Subnet: wanted.Subnet, Template: resolved, State: types.LifecycleStatePending,
		Protected: g.Protected, Balancing: wanted.Balance, Launched: now, Activity: a.key(),
	})
	return a.put(tx, g.Region)
}

// noteRefusal records a launch that failed: its activity, its notification, and the zone that is to be avoided.
func (s *Service) noteRefusal(region, name string, refused *refusedLaunch) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		g, err := groups.Get(tx, region, name)
		if err != nil || g == nil {
			return err
		}
		now, wanted := s.now().UTC(), refused.wanted
		if zonalRefusal(refused.because) {
			g.refused(wanted.Zone, now)
		}
		a := newActivity(g, "Launching a new EC2 instance", wanted.Cause, "", wanted.Subnet, wanted.Zone, now)
		a.fail(statusReason(refused.because), now)
		if err := a.put(tx, region); err != nil {
			return err
		}
		return errors.Join(notify(tx, g, launchError, a, now), g.put(tx))
	})
}

// fail ends an activity that came to nothing.
func (a *activity) fail(message string, now time.Time) {
	a.Ended, a.Status, a.Message = &now, types.ScalingActivityStatusCodeFailed, message
	a.Description += ".  Status Reason: " + message
}

// statusReason tells an error as activities do: its message without the code.
func statusReason(err error) string {
	message := err.Error()
	var api *cloud.Error
	if errors.As(err, &api) {
		message = api.Message
	}
	return message + " Launching EC2 instance failed."
}

func (s *Service) start(tx *cloud.Tx, g *group, resolved template, subnetID string) (*ec2.Instance, error) {
	version, err := strconv.ParseInt(resolved.Version, 10, 64)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{"aws:autoscaling:groupName": g.Name}
	for _, t := range g.Tags {
		if t.Propagate {
			tags[t.Key] = t.Value
		}
	}
	return s.instances.Launch(tx, g.Region, ec2.LaunchRequest{LaunchTemplateID: resolved.ID, Version: version, SubnetID: subnetID, Tags: tags})
}

// await stops a member at its transition until its lifecycle actions are completed, and tells the hooks' topics.
func (s *Service) await(tx *cloud.Tx, g *group, m *member, now time.Time) error {
	transition, state := onLaunch, types.LifecycleStatePendingWait
	if m.State == types.LifecycleStateTerminating {
		transition, state = onTerminate, types.LifecycleStateTerminatingWait
	}
	hooks := g.hooksOn(transition)
	m.State, m.Actions = state, begun(hooks, now)
	for i, h := range hooks {
		if err := notifyHook(tx, g, h, m.ID, m.Actions[i].Token, now); err != nil {
			return err
		}
	}
	return markActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeMidLifecycleAction)
}

// serve registers a running instance with the balancers and calls it in service.
func (s *Service) serve(tx *cloud.Tx, g *group, m *member, now time.Time) error {
	m.Unlisted = g.suspended("AddToLoadBalancer")
	for _, arn := range g.Targets {
		if m.Unlisted {
			break
		}
		if err := s.targets.Register(tx, g.Region, arn, m.ID); err != nil {
			return err
		}
	}
	m.State, m.InService, m.Actions = types.LifecycleStateInService, now.UTC(), nil
	a, err := finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeSuccessful, "", now)
	if err != nil || a == nil {
		return err
	}
	return notify(tx, g, launchDone, a, now)
}

// end takes a member out of service: it drains at the balancers, then its instance is terminated.
func (s *Service) end(tx *cloud.Tx, g *group, m *member, why ending, now time.Time) error {
	aborted, err := finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeCancelled, why.Status, now)
	if err != nil {
		return err
	}
	if aborted != nil && why.Status != "" {
		if err := notify(tx, g, launchError, aborted, now); err != nil {
			return err
		}
	}
	a := newActivity(g, "Terminating EC2 instance: "+m.ID, why.Cause, m.ID, m.Subnet, m.Zone, now)
	m.State, m.Ending, m.Activity, m.Actions = types.LifecycleStateTerminating, now.UTC(), a.key(), nil
	for _, arn := range g.Targets {
		if err := s.targets.Deregister(tx, g.Region, arn, m.ID); err != nil {
			return err
		}
	}
	return a.put(tx, g.Region)
}

// forget drops a member whose instance is gone.
func (s *Service) forget(tx *cloud.Tx, g *group, id string, now time.Time) error {
	m := g.member(id)
	a, err := finishActivity(tx, g.Region, m.Activity, types.ScalingActivityStatusCodeSuccessful, "", now)
	if err != nil {
		return err
	}
	wasEnding := m.ending()
	g.Members = slices.DeleteFunc(g.Members, func(m member) bool { return m.ID == id })
	if a == nil || !wasEnding {
		return nil
	}
	return notify(tx, g, terminateDone, a, now)
}
