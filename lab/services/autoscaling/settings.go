package autoscaling

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// settings are what create and update have in common; nil leaves a setting as it is.
type settings struct {
	template                *types.LaunchTemplateSpecification
	min, max, desired       *int32
	cooldown, warmup, grace *int32
	health, subnets         *string
	policies                []string
	protectedFromScaleIn    *bool
	distribution            *types.AvailabilityZoneDistribution
	maintenance             *types.InstanceMaintenancePolicy
}

func (s *Service) apply(tx *cloud.Tx, g *group, wanted settings) error {
	if wanted.template != nil {
		given := template{ID: text(wanted.template.LaunchTemplateId), Name: text(wanted.template.LaunchTemplateName), Version: text(wanted.template.Version)}
		resolved, err := s.resolve(tx, g.Region, given)
		if err != nil {
			return err
		}
		given.ID, given.Name = resolved.ID, resolved.Name
		if given.Version == "" {
			given.Version = "$Default"
		}
		g.Template = given
	}
	if err := g.setSize(wanted, s.now()); err != nil {
		return err
	}
	if wanted.subnets != nil {
		if err := s.setSubnets(tx, g, *wanted.subnets); err != nil {
			return err
		}
	}
	return g.setRest(wanted)
}

func (g *group) setSize(wanted settings, now time.Time) error {
	old := g.Desired
	if wanted.min != nil {
		g.Min = *wanted.min
	}
	if wanted.max != nil {
		g.Max = *wanted.max
	}
	if wanted.desired != nil {
		g.Desired = *wanted.desired
	} else {
		g.Desired = min(max(g.Desired, g.Min), g.Max)
	}
	switch {
	case g.Min < 0 || g.Max < g.Min:
		return invalid("Max bound, %d, must be greater than or equal to min bound, %d", g.Max, g.Min)
	case g.Desired < g.Min:
		return invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	case g.Desired > g.Max:
		return invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	}
	if old != g.Desired {
		g.Reason, g.Alarm = sentence(now, "a user request update of AutoScalingGroup constraints to min: %d, max: %d, desired: %d changing the desired capacity from %d to %d", g.Min, g.Max, g.Desired, old, g.Desired), nil
	}
	return nil
}

func (g *group) setRest(wanted settings) error {
	if wanted.cooldown != nil {
		g.Cooldown = *wanted.cooldown
	}
	if wanted.warmup != nil {
		g.Warmup = wanted.warmup
		if *wanted.warmup < 0 {
			g.Warmup = nil
		}
	}
	if wanted.grace != nil {
		g.Grace = time.Duration(*wanted.grace) * time.Second
	}
	if wanted.health != nil {
		if *wanted.health != "EC2" && *wanted.health != "ELB" {
			return unsupported("the health check type " + *wanted.health + "; EC2 and ELB are")
		}
		g.Health = *wanted.health
	}
	if wanted.protectedFromScaleIn != nil {
		g.Protected = *wanted.protectedFromScaleIn
	}
	for _, p := range wanted.policies {
		if !slices.Contains(terminationPolicies, p) {
			return invalid("The termination policy %s is not one of %s", p, strings.Join(terminationPolicies, ", "))
		}
	}
	if len(wanted.policies) > 0 {
		g.Policies = wanted.policies
	}
	if wanted.distribution != nil && wanted.distribution.CapacityDistributionStrategy != "" {
		g.Distribution = wanted.distribution.CapacityDistributionStrategy
	}
	return g.setMaintenance(wanted.maintenance)
}

// setMaintenance changes the group's instance maintenance policy; -1 for both percentages takes it away
// (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceMaintenancePolicy.html).
func (g *group) setMaintenance(wanted *types.InstanceMaintenancePolicy) error {
	if wanted == nil {
		return nil
	}
	if wanted.MinHealthyPercentage == nil || wanted.MaxHealthyPercentage == nil {
		return invalid("Both MinHealthyPercentage and MaxHealthyPercentage must be specified.")
	}
	least, most := int(*wanted.MinHealthyPercentage), int(*wanted.MaxHealthyPercentage)
	if least == -1 && most == -1 {
		g.Maintenance = nil
		return nil
	}
	if err := checkPercentages(least, most); err != nil {
		return err
	}
	g.Maintenance = &maintenance{Min: least, Max: most}
	return nil
}

func checkPercentages(least, most int) error {
	if most < 100 || most > 200 || least < 0 || least > 100 || most-least > 100 {
		return invalid("MinHealthyPercentage %d and MaxHealthyPercentage %d: the least is 0 to 100, the greatest 100 to 200, and they differ by 100 at most", least, most)
	}
	return nil
}

func (s *Service) setSubnets(tx *cloud.Tx, g *group, list string) error {
	g.Subnets = nil
	for _, id := range strings.Split(list, ",") {
		found, err := s.instances.Subnet(tx, g.Region, strings.TrimSpace(id))
		if err != nil {
			return invalid("The subnet ID '%s' does not exist", id)
		}
		g.Subnets = append(g.Subnets, subnet{ID: found.ID, Zone: found.Zone})
	}
	maps.DeleteFunc(g.Trouble, func(zone string, _ trouble) bool { return !slices.Contains(g.zones(), zone) })
	return nil
}

// resolve looks up a launch template and its version now.
func (s *Service) resolve(tx *cloud.Tx, region string, given template) (template, error) {
	ref := ec2types.LaunchTemplateSpecification{}
	if given.ID != "" {
		ref.LaunchTemplateId = &given.ID
	} else {
		ref.LaunchTemplateName = &given.Name
	}
	if given.Version != "" {
		ref.Version = &given.Version
	}
	found, err := s.instances.ResolveLaunchTemplate(tx, region, ref)
	if err != nil {
		return template{}, invalid("You must use a valid fully-formed launch template. %v", err)
	}
	return template{ID: found.ID, Name: found.Name, Version: strconv.FormatInt(found.Version, 10)}, nil
}
