package elasticloadbalancingv2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// Administrative overrides, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html#admin-override lists them: what a
// zonal shift does to a target, apart from its health.
var (
	noOverride = types.AdministrativeOverride{
		State: types.TargetAdministrativeOverrideStateEnumNoOverride, Reason: types.TargetAdministrativeOverrideReasonEnumNoOverrideEngaged,
		Description: aws.String("No override is currently active on target"),
	}
	shiftOverride = types.AdministrativeOverride{
		State: types.TargetAdministrativeOverrideStateEnumZonalShiftActive, Reason: types.TargetAdministrativeOverrideReasonEnumZonalShiftEngaged,
		Description: aws.String("Zonal shift is active for the target's Availability Zone"),
	}
	dnsOverride = types.AdministrativeOverride{
		State: types.TargetAdministrativeOverrideStateEnumZonalShiftDelegatedToDns, Reason: types.TargetAdministrativeOverrideReasonEnumZonalShiftDelegatedToDns,
		Description: aws.String("Zonal shift is handled by DNS, as cross-zone load balancing is off"),
	}
)

// overrides returns the function that tells a target's administrative override; nil for groups of balancers that take
// no part in zonal shifts.
func (s *Service) overrides(tx *cloud.Tx, region string, g *targetGroup) (func(*target) (*types.AdministrativeOverride, error), error) {
	using, err := balancersUsing(tx, region)
	if err != nil {
		return nil, err
	}
	takesPart, away, crossZone := false, map[string]bool{}, true
	for _, arn := range using[*g.TargetGroupArn] {
		b, err := findBalancer(tx, region, &arn)
		if err != nil {
			return nil, err
		}
		zone, err := s.awayFrom(tx, region, b)
		if err != nil {
			return nil, err
		}
		takesPart = takesPart || balancerAttributes.flag(b.Attributes, zonalShift)
		away[zone], crossZone = true, g.crossZone(b)
	}
	return func(t *target) (*types.AdministrativeOverride, error) {
		facts, err := s.facts(tx, region, g, t)
		switch {
		case err != nil || !takesPart:
			return nil, err
		case facts.zone == "" || !away[facts.zone]:
			return &noOverride, nil
		case crossZone:
			return &shiftOverride, nil
		}
		return &dnsOverride, nil
	}, nil
}

// zonalShift is the attribute of balancers that take part in zonal shifts.
const zonalShift = "zonal_shift.config.enabled"

// Managed is a balancer that zonal shifts can be started for.
type Managed struct {
	ARN   string
	Name  string
	Zones []string // by name, in the order of the nodes
}

// Managed returns the balancers of a region that zonal shifts can be started for: those that are active and have the
// attribute zonal_shift.config.enabled.
func (s *Service) Managed(tx *cloud.Tx, region string) ([]Managed, error) {
	balancers, err := loadBalancers.List(tx, region)
	if err != nil {
		return nil, err
	}
	var all []Managed
	for _, b := range balancers {
		if b.State != types.LoadBalancerStateEnumActive || !balancerAttributes.flag(b.Attributes, zonalShift) {
			continue
		}
		managed := Managed{ARN: b.ARN, Name: b.Name}
		for _, node := range b.Nodes {
			managed.Zones = append(managed.Zones, node.Zone)
		}
		all = append(all, managed)
	}
	return all, nil
}
