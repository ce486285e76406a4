package overview

import (
	"cmp"
	"slices"
	"strings"

	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func (b *builder) addServers() {
	targets := b.targets()
	lifecycles := map[string]astypes.Instance{}
	for _, group := range b.facts.Groups {
		for _, instance := range group.Instances {
			lifecycles[value(instance.InstanceId)] = instance
		}
	}
	statuses := map[string]ec2types.InstanceStatus{}
	for _, status := range b.facts.Statuses {
		statuses[value(status.InstanceId)] = status
	}
	instances := slices.Clone(b.facts.Instances)
	slices.SortFunc(instances, func(a, b ec2types.Instance) int {
		return cmp.Or(value(a.LaunchTime).Compare(value(b.LaunchTime)), cmp.Compare(value(a.InstanceId), value(b.InstanceId)))
	})
	for _, instance := range instances {
		if instance.State == nil || instance.State.Name == ec2types.InstanceStateNameTerminated {
			continue
		}
		id := value(instance.InstanceId)
		x := b.server(instance, lifecycles[id])
		x.check(statuses[id])
		x.Targets = some(targets[id])
		x.judge(instance)
		zone := ""
		if instance.Placement != nil {
			zone = value(instance.Placement.AvailabilityZone)
		}
		b.faultsOn(&x.Thing, zone, interfaceOf(instance))
		b.zone(zone).Servers = append(b.zone(zone).Servers, x)
	}
}

// targets returns what the target groups say, by instance.
func (b *builder) targets() map[string][]Target {
	targets := map[string][]Target{}
	for _, group := range b.facts.Targets {
		for _, target := range group.Health {
			if target.Target == nil || target.TargetHealth == nil {
				continue
			}
			id := value(target.Target.Id)
			targets[id] = append(targets[id], Target{group.Name, string(target.TargetHealth.State), cmp.Or(value(target.TargetHealth.Description), string(target.TargetHealth.Reason))})
		}
	}
	return targets
}

func interfaceOf(instance ec2types.Instance) string {
	if len(instance.NetworkInterfaces) == 0 {
		return ""
	}
	return value(instance.NetworkInterfaces[0].NetworkInterfaceId)
}

func (b *builder) server(instance ec2types.Instance, member astypes.Instance) Server {
	x := Server{
		Thing: Thing{ID: value(instance.InstanceId), State: string(instance.State.Name), Address: value(instance.PrivateIpAddress)},
		Type:  string(instance.InstanceType), Lifecycle: string(member.LifecycleState),
	}
	for _, tag := range instance.Tags {
		switch key := value(tag.Key); {
		case key == "Name":
			x.Name = value(tag.Value)
		case key == "aws:autoscaling:groupName":
			x.Group = value(tag.Value)
		case strings.EqualFold(key, "version"):
			x.Version = value(tag.Value)
		}
	}
	if x.Version == "" && member.LaunchTemplate != nil && value(member.LaunchTemplate.Version) != "" {
		x.Version = "template " + value(member.LaunchTemplate.Version)
	}
	b.flow(&x.Thing, interfaceOf(instance))
	if b.facts.Target != nil {
		x.Requests, x.Errors = b.facts.Target(x.Address)
	}
	return x
}

func (x *Server) check(status ec2types.InstanceStatus) {
	if status.SystemStatus != nil {
		x.System = string(status.SystemStatus.Status)
	}
	if status.InstanceStatus != nil {
		x.Instance = string(status.InstanceStatus.Status)
	}
}

// judge is the health of an instance: that of its state, then of its status checks, then of its targets.
func (x *Server) judge(instance ec2types.Instance) {
	switch instance.State.Name {
	case ec2types.InstanceStateNameRunning:
		x.Health = Well
	case ec2types.InstanceStateNameStopped:
		x.Health = Off
	default:
		x.Health = Busy
	}
	if instance.StateReason != nil && x.Health != Well {
		x.Reason = value(instance.StateReason.Message)
	}
	if x.Health != Well {
		return
	}
	for name, status := range map[string]string{"system": x.System, "instance": x.Instance} {
		if status == string(ec2types.SummaryStatusImpaired) {
			x.Health, x.Reason = Failing, name+" status check failed"
		}
	}
	for _, target := range x.Targets {
		if x.Health == Failing {
			return
		}
		switch elbtypes.TargetHealthStateEnum(target.State) {
		case elbtypes.TargetHealthStateEnumUnhealthy:
			x.Health, x.Reason = Failing, target.plainly()
		case elbtypes.TargetHealthStateEnumInitial, elbtypes.TargetHealthStateEnumDraining:
			x.Health, x.Reason = Busy, target.plainly()
		}
	}
}

func (t Target) plainly() string {
	if t.Reason == "" {
		return t.State + " in " + t.Group
	}
	return t.State + " in " + t.Group + ": " + t.Reason
}

func (b *builder) groups() []Group {
	refreshes := map[string]string{}
	for _, refresh := range b.facts.Refreshes {
		if refresh.EndTime == nil {
			refreshes[value(refresh.AutoScalingGroupName)] = string(refresh.Status)
		}
	}
	all := []Group{}
	for _, group := range b.facts.Groups {
		x := Group{
			Name: value(group.AutoScalingGroupName), Min: int(value(group.MinSize)), Desired: int(value(group.DesiredCapacity)), Max: int(value(group.MaxSize)),
		}
		x.Refresh = refreshes[x.Name]
		for _, instance := range group.Instances {
			if instance.LifecycleState == astypes.LifecycleStateInService {
				x.InService++
			}
		}
		all = append(all, x)
	}
	return all
}

// mostActivities is how many scaling activities are shown.
const mostActivities = 20

func (b *builder) activities() []Activity {
	all := []Activity{}
	for _, activity := range b.facts.Activities {
		all = append(all, Activity{
			Group: value(activity.AutoScalingGroupName), Time: value(activity.StartTime), Text: value(activity.Description),
			Cause: value(activity.Cause), Status: string(activity.StatusCode),
		})
	}
	slices.SortStableFunc(all, func(a, b Activity) int { return b.Time.Compare(a.Time) })
	return all[:min(len(all), mostActivities)]
}
