package autoscaling

import (
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/services/elasticloadbalancingv2"
)

// observe asks EC2 and the balancers about a group's members.
func (s *Service) observe(tx *cloud.Tx, g *group) (map[string]observed, error) {
	var health []map[string]elasticloadbalancingv2.Health // of each target group
	for _, arn := range g.Targets {
		targets, err := s.targets.TargetHealth(tx, g.Region, arn)
		if err != nil {
			return nil, err
		}
		health = append(health, targets)
	}
	seen := map[string]observed{}
	for _, m := range g.Members {
		instance, err := s.instances.Instance(tx, g.Region, m.ID)
		if err != nil {
			return nil, err
		}
		o := observed{Known: instance != nil}
		if instance != nil {
			o.State, o.Impaired = instance.State, instance.StatusImpaired
		}
		o.Targets, o.Registered = worstOf(health, m.ID)
		seen[m.ID] = o
	}
	return seen, nil
}

var badness = map[targetState]int{"": 0, targetHealthy: 1, targetInitial: 2, targetAbsent: 3, targetUnhealthy: 4}

// verdicts are what target states mean for a member: only unhealthy counts against it.
var verdicts = map[elbtypes.TargetHealthStateEnum]targetState{
	elbtypes.TargetHealthStateEnumHealthy: targetHealthy, elbtypes.TargetHealthStateEnumUnhealthy: targetUnhealthy,
	elbtypes.TargetHealthStateEnumInitial: targetInitial, elbtypes.TargetHealthStateEnumDraining: targetInitial,
	elbtypes.TargetHealthStateEnumUnused: targetInitial, elbtypes.TargetHealthStateEnumUnavailable: targetInitial,
}

// worstOf returns the worst verdict over the target groups, and in how many the instance is still known.
func worstOf(health []map[string]elasticloadbalancingv2.Health, id string) (worst targetState, registered int) {
	for _, targets := range health {
		verdict := targetAbsent
		if target, ok := targets[id]; ok {
			verdict = verdicts[target.State]
			registered++
		}
		if badness[verdict] > badness[worst] {
			worst = verdict
		}
	}
	return worst, registered
}
