package elasticloadbalancingv2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// Health is a target's health as DescribeTargetHealth gives it.
type Health struct {
	State       types.TargetHealthStateEnum
	Reason      types.TargetHealthReasonEnum
	Description string
}

// CheckTargetGroup returns TargetGroupNotFound when there is none of that ARN.
func (s *Service) CheckTargetGroup(tx *cloud.Tx, region, arn string) error {
	_, err := findGroup(tx, region, &arn)
	return err
}

// Register registers an instance with a target group, on the group's port, as RegisterTargets does.
func (s *Service) Register(tx *cloud.Tx, region, group, instance string) error {
	g, err := findGroup(tx, region, &group)
	if err != nil {
		return err
	}
	return s.register(tx, region, g, types.TargetDescription{Id: aws.String(instance)})
}

// Deregister begins to drain an instance, as DeregisterTargets does. A missing group has nothing to drain.
func (s *Service) Deregister(tx *cloud.Tx, region, group, instance string) error {
	g, err := findGroup(tx, region, &group)
	if cloud.HasCode(err, "TargetGroupNotFound") {
		return nil
	}
	if err != nil {
		return err
	}
	return s.deregister(tx, region, g, instance, nil)
}

// TargetHealth returns the health of a group's targets by their ids; of a target on several ports, the worst. One that
// has drained is not among them, though DescribeTargetHealth shows it for the rest of its deregistration delay.
func (s *Service) TargetHealth(tx *cloud.Tx, region, group string) (map[string]Health, error) {
	g, err := findGroup(tx, region, &group)
	if cloud.HasCode(err, "TargetGroupNotFound") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	registered, err := targetsOf(tx, region, group)
	if err != nil {
		return nil, err
	}
	judge, err := s.judgeOf(tx, region, g)
	if err != nil {
		return nil, err
	}
	all := map[string]Health{}
	for _, t := range registered {
		if t.Drained {
			continue
		}
		verdict, err := judge(t)
		if err != nil {
			return nil, err
		}
		if known, ok := all[t.ID]; !ok || known.State == types.TargetHealthStateEnumHealthy {
			all[t.ID] = Health(verdict)
		}
	}
	return all, nil
}

// ResourceLabel returns the part of a metric's resource label that names a target group and its balancer, such as
// "app/web/50dc6c495c0c9188/targetgroup/web/943f017f100becff", and whether they belong together.
func (s *Service) ResourceLabel(tx *cloud.Tx, region, group string) ([]string, error) {
	using, err := balancersUsing(tx, region)
	if err != nil {
		return nil, err
	}
	var labels []string
	for _, arn := range using[group] {
		b, err := findBalancer(tx, region, &arn)
		if err != nil {
			return nil, err
		}
		labels = append(labels, b.suffix()+"/"+groupSuffix(group))
	}
	return labels, nil
}
