package autoscaling

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

const maximumHooks = 50

// PutLifecycleHook makes or changes a hook. Its topic, if it has one, gets a test message now and is told of each
// action; actions are completed through the API, or their time ends.
func (s *Service) PutLifecycleHook(ctx context.Context, in *autoscaling.PutLifecycleHookInput) (*autoscaling.PutLifecycleHookOutput, error) {
	made := hook{
		Name: text(in.LifecycleHookName), Transition: text(in.LifecycleTransition), Heartbeat: aws.ToInt32(in.HeartbeatTimeout), Default: text(in.DefaultResult),
		Target: text(in.NotificationTargetARN), Role: text(in.RoleARN), Metadata: text(in.NotificationMetadata),
	}
	if err := s.test(ctx, text(in.AutoScalingGroupName), made.Target); err != nil {
		return nil, err
	}
	return &autoscaling.PutLifecycleHookOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error { return g.putHook(made) })
}

// testHooks sends test messages to the topics of hooks that a new group brings.
func (s *Service) testHooks(ctx context.Context, g *group, hooks []types.LifecycleHookSpecification) error {
	for _, h := range hooks {
		if err := s.testTopic(ctx, g, text(h.NotificationTargetARN)); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) putHook(made hook) error {
	i := slices.IndexFunc(g.Hooks, func(h hook) bool { return h.Name == made.Name })
	if i >= 0 {
		made = made.over(g.Hooks[i])
	}
	if err := made.complete(); err != nil {
		return err
	}
	if i >= 0 {
		g.Hooks[i] = made
		return nil
	}
	if len(g.Hooks) >= maximumHooks {
		return cloud.Errorf("LimitExceeded", "A group has at most %d lifecycle hooks", maximumHooks)
	}
	g.Hooks = append(g.Hooks, made)
	slices.SortFunc(g.Hooks, func(a, b hook) int { return compareText(a.Name, b.Name) })
	return nil
}

// over fills what was not given from the hook that is there.
func (h hook) over(old hook) hook {
	for mine, theirs := range map[*string]string{
		&h.Transition: old.Transition, &h.Default: old.Default, &h.Target: old.Target, &h.Role: old.Role, &h.Metadata: old.Metadata,
	} {
		if *mine == "" {
			*mine = theirs
		}
	}
	if h.Heartbeat == 0 {
		h.Heartbeat = old.Heartbeat
	}
	return h
}

func (h *hook) complete() error {
	if h.Heartbeat == 0 {
		h.Heartbeat = defaultHeartbeat
	}
	if h.Default == "" {
		h.Default = abandon
	}
	switch {
	case h.Transition != onLaunch && h.Transition != onTerminate:
		return invalid("Lifecycle transition %q is not %s or %s", h.Transition, onLaunch, onTerminate)
	case h.Heartbeat < 30 || h.Heartbeat > 7200:
		return invalid("HeartbeatTimeout %d must be between 30 and 7200 seconds", h.Heartbeat)
	case h.Default != proceed && h.Default != abandon:
		return invalid("DefaultResult %q is not CONTINUE or ABANDON", h.Default)
	}
	return nil
}

// DeleteLifecycleHook removes a hook; an instance that waits for it is let go.
func (s *Service) DeleteLifecycleHook(ctx context.Context, in *autoscaling.DeleteLifecycleHookInput) (*autoscaling.DeleteLifecycleHookOutput, error) {
	name := text(in.LifecycleHookName)
	return &autoscaling.DeleteLifecycleHookOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		had := len(g.Hooks)
		g.Hooks = slices.DeleteFunc(g.Hooks, func(h hook) bool { return h.Name == name })
		if len(g.Hooks) == had {
			return invalid("Lifecycle hook %s not found for Auto Scaling group %s", name, g.Name)
		}
		return nil
	})
}

// DescribeLifecycleHooks lists a group's hooks.
func (s *Service) DescribeLifecycleHooks(ctx context.Context, in *autoscaling.DescribeLifecycleHooksInput) (*autoscaling.DescribeLifecycleHooksOutput, error) {
	out := &autoscaling.DescribeLifecycleHooksOutput{LifecycleHooks: []types.LifecycleHook{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		g, err := find(tx, cloud.RegionOf(ctx), text(in.AutoScalingGroupName))
		if err != nil {
			return err
		}
		for _, h := range g.Hooks {
			if len(in.LifecycleHookNames) == 0 || slices.Contains(in.LifecycleHookNames, h.Name) {
				out.LifecycleHooks = append(out.LifecycleHooks, h.describe(g.Name))
			}
		}
		return nil
	})
}

func (h hook) describe(group string) types.LifecycleHook {
	return types.LifecycleHook{
		AutoScalingGroupName: aws.String(group), LifecycleHookName: aws.String(h.Name), LifecycleTransition: aws.String(h.Transition),
		HeartbeatTimeout: aws.Int32(h.Heartbeat), GlobalTimeout: aws.Int32(int32(h.longest().Seconds())), DefaultResult: aws.String(h.Default),
		NotificationTargetARN: optional(h.Target), RoleARN: optional(h.Role), NotificationMetadata: optional(h.Metadata),
	}
}

// CompleteLifecycleAction ends a wait with a result.
func (s *Service) CompleteLifecycleAction(ctx context.Context, in *autoscaling.CompleteLifecycleActionInput) (*autoscaling.CompleteLifecycleActionOutput, error) {
	result := text(in.LifecycleActionResult)
	if result != proceed && result != abandon {
		return nil, invalid("LifecycleActionResult %q is not CONTINUE or ABANDON", result)
	}
	return &autoscaling.CompleteLifecycleActionOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		a, err := g.waiting(text(in.LifecycleHookName), text(in.InstanceId), text(in.LifecycleActionToken))
		if err == nil {
			a.Result = result
		}
		return err
	})
}

// RecordLifecycleActionHeartbeat lengthens a wait by the hook's timeout, up to its limit.
func (s *Service) RecordLifecycleActionHeartbeat(ctx context.Context, in *autoscaling.RecordLifecycleActionHeartbeatInput) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		a, err := g.waiting(text(in.LifecycleHookName), text(in.InstanceId), text(in.LifecycleActionToken))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(g.Hooks, func(h hook) bool { return h.Name == a.Hook })
		a.Until = s.now().Add(time.Duration(g.Hooks[i].Heartbeat) * time.Second).UTC()
		if a.Until.After(a.Limit) {
			a.Until = a.Limit
		}
		return nil
	})
}

// waiting finds the action that a member waits for, by its instance or its token.
func (g *group) waiting(name, instance, token string) (*action, error) {
	if !slices.ContainsFunc(g.Hooks, func(h hook) bool { return h.Name == name }) {
		return nil, invalid("Lifecycle hook %s not found for Auto Scaling group %s", name, g.Name)
	}
	for i := range g.Members {
		m := &g.Members[i]
		for j := range m.Actions {
			a := &m.Actions[j]
			if a.Hook == name && a.Result == "" && (token != "" && a.Token == token || token == "" && m.ID == instance) {
				return a, nil
			}
		}
	}
	return nil, invalid("No active Lifecycle Action found with instance ID %s", instance)
}
