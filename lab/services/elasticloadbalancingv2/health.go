package elasticloadbalancingv2

import (
	"fmt"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// judgeOf returns the function that tells a target's health as the API puts it: what is known of it now, over what
// the nodes last said.
func (s *Service) judgeOf(tx *cloud.Tx, region string, g *targetGroup) (func(*target) (health, error), error) {
	using, err := balancersUsing(tx, region)
	if err != nil {
		return nil, err
	}
	zones := map[string]bool{}
	for _, arn := range using[*g.TargetGroupArn] {
		b, err := loadBalancers.Get(tx, region, arn)
		if err != nil {
			return nil, err
		}
		for zone := range b.zones() {
			zones[zone] = true
		}
	}
	return func(t *target) (health, error) {
		facts, err := s.facts(tx, region, g, t)
		if err != nil {
			return health{}, err
		}
		return describeVerdict(t, facts, len(using[*g.TargetGroupArn]) > 0, zones), nil
	}, nil
}

// targetFacts is where a target is and whether it could answer at all.
type targetFacts struct {
	address string
	zone    string
	state   ec2types.InstanceStateName // of an instance; empty: an address, or a forgotten instance
	gone    bool
}

func (s *Service) facts(tx *cloud.Tx, region string, g *targetGroup, t *target) (targetFacts, error) {
	if g.TargetType == types.TargetTypeEnumIp {
		return targetFacts{address: t.ID, zone: t.Zone}, nil
	}
	instance, err := s.deps.Network.Instance(tx, region, t.ID)
	if err != nil {
		return targetFacts{}, err
	}
	if instance == nil || instance.State == ec2types.InstanceStateNameTerminated {
		return targetFacts{gone: true}, nil
	}
	return targetFacts{address: instance.PrivateIP, zone: instance.Zone, state: instance.State}, nil
}

// describeVerdict is the order in which AWS's states and reasons apply
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html).
func describeVerdict(t *target, facts targetFacts, inUse bool, zones map[string]bool) health {
	switch {
	case t.Draining != nil:
		return health{types.TargetHealthStateEnumDraining, types.TargetHealthReasonEnumDeregistrationInProgress, "Target deregistration is in progress"}
	case !inUse:
		return health{types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotInUse, "Target group is not configured to receive traffic from the load balancer"}
	case facts.gone:
		return health{types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumInvalidState, "Target is in the terminated state"}
	case facts.state == ec2types.InstanceStateNameStopped || facts.state == ec2types.InstanceStateNameStopping || facts.state == ec2types.InstanceStateNameShuttingDown:
		return health{types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumInvalidState, "Target is in the " + string(facts.state) + " state"}
	case facts.zone != "" && facts.zone != "all" && !zones[facts.zone]:
		return health{types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotInUse, "Target is in an Availability Zone that is not enabled for the load balancer"}
	}
	return t.Health
}

// aggregate forms one verdict from those of the nodes that check the target and run. A target is healthy when at least
// half of them say so, and unhealthy when more than half do (docs/assumptions.md, ELB-2).
func aggregate(opinions []balancer.TargetHealth) health {
	healthy, unhealthy := 0, 0
	var against balancer.TargetHealth
	for _, opinion := range opinions {
		switch opinion.Verdict {
		case balancer.VerdictHealthy:
			healthy++
		case balancer.VerdictUnhealthy:
			unhealthy++
			if against.Reason == balancer.ReasonNone {
				against = opinion
			}
		}
	}
	switch {
	case len(opinions) == 0:
		return registering()
	case healthy*2 >= len(opinions):
		return health{State: types.TargetHealthStateEnumHealthy}
	case unhealthy*2 > len(opinions):
		return unhealthyBecause(against)
	}
	return health{types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumInitialHealthChecking, "Initial health checks in progress"}
}

func unhealthyBecause(opinion balancer.TargetHealth) health {
	verdict := health{State: types.TargetHealthStateEnumUnhealthy}
	switch opinion.Reason {
	case balancer.ReasonTimeout:
		verdict.Reason, verdict.Description = types.TargetHealthReasonEnumTimeout, "Request timed out"
	case balancer.ReasonMismatch:
		verdict.Reason = types.TargetHealthReasonEnumResponseCodeMismatch
		verdict.Description = fmt.Sprintf("Health checks failed with these codes: [%d]", opinion.Status)
	default:
		verdict.Reason, verdict.Description = types.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed"
	}
	return verdict
}
