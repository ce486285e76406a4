package autoscaling

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/robfig/cron/v3"

	"haven/lab/cloud"
)

// scheduled is a scheduled action, under "<group>/<name>".
type scheduled struct {
	Region string
	Action types.ScheduledUpdateGroupAction
	Next   time.Time // when it is due
}

var schedules = cloud.NewTable[scheduled]("autoscaling.scheduled-actions")

func (a *scheduled) key() string {
	return text(a.Action.AutoScalingGroupName) + "/" + text(a.Action.ScheduledActionName)
}

// next returns when a scheduled action is due after a moment: at its start first, then by its recurrence, until its end;
// false when never again (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html).
func next(a types.ScheduledUpdateGroupAction, after time.Time) (time.Time, bool, error) {
	if a.StartTime != nil && a.StartTime.After(after) {
		return *a.StartTime, true, nil
	}
	if text(a.Recurrence) == "" {
		return time.Time{}, false, nil
	}
	zone, err := time.LoadLocation(text(a.TimeZone))
	if err != nil {
		return time.Time{}, false, invalid("Time zone %s is not known", text(a.TimeZone))
	}
	recurrence, err := cron.ParseStandard(*a.Recurrence)
	if err != nil {
		return time.Time{}, false, invalid("Given recurrence string: %s is invalid: %v", *a.Recurrence, err)
	}
	due := recurrence.Next(after.In(zone)).UTC()
	return due, !due.IsZero() && (a.EndTime == nil || !due.After(*a.EndTime)), nil
}

// PutScheduledUpdateGroupAction makes or replaces a scheduled action.
func (s *Service) PutScheduledUpdateGroupAction(ctx context.Context, in *autoscaling.PutScheduledUpdateGroupActionInput) (*autoscaling.PutScheduledUpdateGroupActionOutput, error) {
	start := in.StartTime
	if start == nil {
		start = in.Time // its former name
	}
	made := types.ScheduledUpdateGroupAction{
		AutoScalingGroupName: in.AutoScalingGroupName, ScheduledActionName: in.ScheduledActionName, MinSize: in.MinSize, MaxSize: in.MaxSize,
		DesiredCapacity: in.DesiredCapacity, Recurrence: in.Recurrence, StartTime: start, EndTime: in.EndTime, TimeZone: in.TimeZone,
	}
	region := cloud.RegionOf(ctx)
	return &autoscaling.PutScheduledUpdateGroupActionOutput{}, s.store.Update(func(tx *cloud.Tx) error { return s.schedule(tx, region, made) })
}

func (s *Service) schedule(tx *cloud.Tx, region string, made types.ScheduledUpdateGroupAction) error {
	if _, err := find(tx, region, text(made.AutoScalingGroupName)); err != nil {
		return err
	}
	now := s.now().UTC()
	switch {
	case made.MinSize == nil && made.MaxSize == nil && made.DesiredCapacity == nil:
		return invalid("At least one of MinSize, MaxSize and DesiredCapacity must be given")
	case made.StartTime == nil && text(made.Recurrence) == "":
		return invalid("A scheduled action needs a StartTime or a Recurrence")
	case made.StartTime != nil && !made.StartTime.After(now):
		return invalid("Given start time is in the past")
	case made.EndTime != nil && !made.EndTime.After(now):
		return invalid("Given end time is in the past")
	}
	due, ok, err := next(made, now)
	if err != nil {
		return err
	}
	if !ok {
		return invalid("The scheduled action would never be due before its end time")
	}
	row := &scheduled{Region: region, Action: made, Next: due}
	if made.StartTime == nil {
		row.Action.StartTime = &due
	}
	row.Action.Time = row.Action.StartTime
	existing, err := schedules.Get(tx, region, row.key())
	if err != nil {
		return err
	}
	row.Action.ScheduledActionARN = aws.String(cloud.ARN("autoscaling", region,
		fmt.Sprintf("scheduledUpdateGroupAction:%s:autoScalingGroupName/%s:scheduledActionName/%s", cloud.NewUUID(), text(made.AutoScalingGroupName), text(made.ScheduledActionName))))
	if existing != nil {
		row.Action.ScheduledActionARN = existing.Action.ScheduledActionARN
	}
	return schedules.Put(tx, region, row.key(), row)
}

// DescribeScheduledActions lists scheduled actions that are still to come.
func (s *Service) DescribeScheduledActions(ctx context.Context, in *autoscaling.DescribeScheduledActionsInput) (*autoscaling.DescribeScheduledActionsOutput, error) {
	out := &autoscaling.DescribeScheduledActionsOutput{ScheduledUpdateGroupActions: []types.ScheduledUpdateGroupAction{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := schedules.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(a *scheduled) bool {
			return in.AutoScalingGroupName != nil && text(a.Action.AutoScalingGroupName) != *in.AutoScalingGroupName ||
				len(in.ScheduledActionNames) > 0 && !slices.Contains(in.ScheduledActionNames, text(a.Action.ScheduledActionName)) ||
				in.StartTime != nil && a.Next.Before(*in.StartTime) || in.EndTime != nil && a.Next.After(*in.EndTime)
		})
		page, token, err := paged(all, (*scheduled).key, in.NextToken, in.MaxRecords, 50)
		for _, a := range page {
			out.ScheduledUpdateGroupActions = append(out.ScheduledUpdateGroupActions, a.Action)
		}
		out.NextToken = token
		return err
	})
}

// DeleteScheduledAction forgets a scheduled action.
func (s *Service) DeleteScheduledAction(ctx context.Context, in *autoscaling.DeleteScheduledActionInput) (*autoscaling.DeleteScheduledActionOutput, error) {
	region, key := cloud.RegionOf(ctx), text(in.AutoScalingGroupName)+"/"+text(in.ScheduledActionName)
	return &autoscaling.DeleteScheduledActionOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		row, err := schedules.Get(tx, region, key)
		if err != nil {
			return err
		}
		if row == nil {
			return invalid("Scheduled action name not found - scheduled action %s not found", text(in.ScheduledActionName))
		}
		return schedules.Delete(tx, region, key)
	})
}

// runSchedules carries out the scheduled actions that are due.
func (s *Service) runSchedules() error {
	now, due := s.now().UTC(), false
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := schedules.ListAll(tx)
		due = slices.ContainsFunc(all, func(a *scheduled) bool { return !a.Next.After(now) })
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		all, err := schedules.ListAll(tx)
		if err != nil {
			return err
		}
		for _, row := range all {
			if row.Next.After(now) {
				continue
			}
			if err := s.runScheduled(tx, row, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// runScheduled carries out one and sets when it is due next; one that is over is forgotten, as AWS does. Sizes that do
// not fit together leave the group as it is.
func (s *Service) runScheduled(tx *cloud.Tx, row *scheduled, now time.Time) error {
	g, err := groups.Get(tx, row.Region, text(row.Action.AutoScalingGroupName))
	if err != nil {
		return err
	}
	if g != nil && !g.Deleting && !g.suspended("ScheduledActions") {
		before, resized := g.Desired, *g
		failure := resized.setSize(settings{min: row.Action.MinSize, max: row.Action.MaxSize, desired: row.Action.DesiredCapacity}, now)
		if failure != nil {
			s.log.Warn("a scheduled action does not fit its group", "group", g.Name, "action", text(row.Action.ScheduledActionName), "error", failure)
		} else {
			resized.Alarm = nil
			resized.Reason = sentence(now, "a scheduled action update of AutoScalingGroup constraints to min: %d, max: %d, desired: %d changing the desired capacity from %d to %d",
				resized.Min, resized.Max, resized.Desired, before, resized.Desired)
			if err := resized.put(tx); err != nil {
				return err
			}
		}
	}
	due, again, err := next(row.Action, now)
	if err != nil || !again {
		return schedules.Delete(tx, row.Region, row.key())
	}
	row.Next = due
	row.Action.StartTime, row.Action.Time = &due, &due
	return schedules.Put(tx, row.Region, row.key(), row)
}
