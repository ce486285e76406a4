package elasticloadbalancingv2

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// RegisterTargets registers targets; one that drains is taken back into service.
func (s *Service) RegisterTargets(ctx context.Context, in *elasticloadbalancingv2.RegisterTargetsInput) (*elasticloadbalancingv2.RegisterTargetsOutput, error) {
	return &elasticloadbalancingv2.RegisterTargetsOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err != nil {
			return err
		}
		for _, wanted := range in.Targets {
			if wanted.QuicServerId != nil {
				return unsupported("QuicServerId, which is for network load balancers")
			}
			if err := s.register(tx, region, g, wanted); err != nil {
				return err
			}
		}
		return checkTargetCount(tx, region, g)
	})
}

func (s *Service) register(tx *cloud.Tx, region string, g *targetGroup, wanted types.TargetDescription) error {
	t := &target{
		Group: *g.TargetGroupArn, ID: aws.ToString(wanted.Id), Port: aws.ToInt32(orNumber(wanted.Port, *g.Port)),
		Zone: aws.ToString(wanted.AvailabilityZone), Registered: s.now().UTC(), Health: registering(),
	}
	if err := s.checkTarget(tx, region, g, t); err != nil {
		return err
	}
	existing, err := targets.Get(tx, region, t.key())
	if err != nil {
		return err
	}
	if existing != nil && existing.Draining == nil {
		return nil
	}
	return targets.Put(tx, region, t.key(), t)
}

func registering() health {
	return health{types.TargetHealthStateEnumInitial, types.TargetHealthReasonEnumRegistrationInProgress, "Target registration is in progress"}
}

func (s *Service) checkTarget(tx *cloud.Tx, region string, g *targetGroup, t *target) error {
	if t.Port < 1 || t.Port > 65535 {
		return invalid("Port '%d' is not in range [1, 65535]", t.Port)
	}
	if g.TargetType == types.TargetTypeEnumIp {
		address, err := netip.ParseAddr(t.ID)
		if err != nil || !address.Is4() || !address.IsPrivate() && !netip.MustParsePrefix("100.64.0.0/10").Contains(address) {
			return invalid("The IP address '%s' is not a valid private IPv4 address", t.ID)
		}
		return nil
	}
	instance, err := s.deps.Network.Instance(tx, region, t.ID)
	if err != nil {
		return err
	}
	switch {
	case instance == nil:
		return cloud.Errorf("InvalidTarget", "The following targets are not valid instances: '%s'", t.ID)
	case instance.VPCID != *g.VpcId:
		return cloud.Errorf("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'", *g.VpcId, t.ID)
	case instance.State != ec2types.InstanceStateNamePending && instance.State != ec2types.InstanceStateNameRunning:
		return cloud.Errorf("InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", t.ID)
	}
	return nil
}

func checkTargetCount(tx *cloud.Tx, region string, g *targetGroup) error {
	all, err := targetsOf(tx, region, *g.TargetGroupArn)
	if err == nil && len(all) > maxTargetsPerGroup {
		err = cloud.Errorf("TooManyTargets", "The limit of %d targets per target group has been reached", maxTargetsPerGroup)
	}
	return err
}

// DeregisterTargets begins to drain targets.
func (s *Service) DeregisterTargets(ctx context.Context, in *elasticloadbalancingv2.DeregisterTargetsInput) (*elasticloadbalancingv2.DeregisterTargetsOutput, error) {
	return &elasticloadbalancingv2.DeregisterTargetsOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err != nil {
			return err
		}
		for _, wanted := range in.Targets {
			if err := s.deregister(tx, region, g, aws.ToString(wanted.Id), wanted.Port); err != nil {
				return err
			}
		}
		return nil
	})
}

// deregister drains the target, on all its ports when none is given. A group that no balancer uses, or without a
// delay, forgets it at once.
func (s *Service) deregister(tx *cloud.Tx, region string, g *targetGroup, id string, port *int32) error {
	registered, err := targetsOf(tx, region, *g.TargetGroupArn)
	if err != nil {
		return err
	}
	using, err := balancersUsing(tx, region)
	if err != nil {
		return err
	}
	atOnce := len(using[*g.TargetGroupArn]) == 0 || groupAttributes.number(g.Attributes, "deregistration_delay.timeout_seconds") == 0
	for _, t := range registered {
		if t.ID != id || port != nil && t.Port != *port || t.Draining != nil {
			continue
		}
		if atOnce {
			err = targets.Delete(tx, region, t.key())
		} else {
			t.Draining = aws.Time(s.now().UTC())
			err = targets.Put(tx, region, t.key(), t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DescribeTargetHealth returns the nodes' verdict on the targets.
func (s *Service) DescribeTargetHealth(ctx context.Context, in *elasticloadbalancingv2.DescribeTargetHealthInput) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	_ = in.Include // anomaly detection is always off: there is nothing to include
	out := &elasticloadbalancingv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		g, err := findGroup(tx, region, in.TargetGroupArn)
		if err != nil {
			return err
		}
		registered, err := targetsOf(tx, region, *g.TargetGroupArn)
		if err != nil {
			return err
		}
		judge, err := s.judgeOf(tx, region, g)
		if err != nil {
			return err
		}
		override, err := s.overrides(tx, region, g)
		if err != nil {
			return err
		}
		wanted, missing := chooseTargets(registered, in.Targets, *g.Port)
		for _, t := range wanted {
			verdict, err := judge(t)
			if err != nil {
				return err
			}
			described := describeHealth(g, t, verdict)
			if described.AdministrativeOverride, err = override(t); err != nil {
				return err
			}
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, described)
		}
		for _, t := range missing {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, describeHealth(g, t,
				health{types.TargetHealthStateEnumUnused, types.TargetHealthReasonEnumNotRegistered, "Target is not registered to the target group"}))
		}
		return nil
	})
	return out, err
}

// chooseTargets picks what was asked for, or everything.
func chooseTargets(registered []*target, asked []types.TargetDescription, port int32) (wanted, missing []*target) {
	if len(asked) == 0 {
		return registered, nil
	}
	for _, description := range asked {
		found := false
		for _, t := range registered {
			if t.ID == aws.ToString(description.Id) && (description.Port == nil || *description.Port == t.Port) {
				wanted, found = append(wanted, t), true
			}
		}
		if !found {
			missing = append(missing, &target{ID: aws.ToString(description.Id), Port: aws.ToInt32(orNumber(description.Port, port))})
		}
	}
	return wanted, missing
}

func describeHealth(g *targetGroup, t *target, verdict health) types.TargetHealthDescription {
	port := *g.HealthCheckPort
	if port == "traffic-port" {
		port = strconv.Itoa(int(t.Port))
	}
	described := types.TargetHealthDescription{
		Target: &types.TargetDescription{Id: aws.String(t.ID), Port: aws.Int32(t.Port)}, HealthCheckPort: aws.String(port),
		TargetHealth: &types.TargetHealth{State: verdict.State, Reason: verdict.Reason},
	}
	if t.Zone != "" {
		described.Target.AvailabilityZone = aws.String(t.Zone)
	}
	if verdict.Description != "" {
		described.TargetHealth.Description = aws.String(verdict.Description)
	}
	return described
}
