package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"haven/lab/cloud"
)

// processes can be suspended; "all" of them when none is named.
var processes = []string{"AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh", "Launch", "ReplaceUnhealthy", "ScheduledActions", "Terminate"}

func namedProcesses(names []string) ([]string, error) {
	if len(names) == 0 {
		return processes, nil
	}
	for _, name := range names {
		if !slices.Contains(processes, name) {
			return nil, invalid("Invalid process name %s; the processes are %v", name, processes)
		}
	}
	return names, nil
}

// SuspendProcesses stops processes of a group.
func (s *Service) SuspendProcesses(ctx context.Context, in *autoscaling.SuspendProcessesInput) (*autoscaling.SuspendProcessesOutput, error) {
	names, err := namedProcesses(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	return &autoscaling.SuspendProcessesOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Suspended = union(g.Suspended, names)
		return nil
	})
}

// ResumeProcesses lets processes of a group go on.
func (s *Service) ResumeProcesses(ctx context.Context, in *autoscaling.ResumeProcessesInput) (*autoscaling.ResumeProcessesOutput, error) {
	names, err := namedProcesses(in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	return &autoscaling.ResumeProcessesOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Suspended = slices.DeleteFunc(g.Suspended, func(p string) bool { return slices.Contains(names, p) })
		return nil
	})
}

func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
