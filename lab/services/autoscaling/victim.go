package autoscaling

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Termination policies (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html).
const (
	policyDefault        = "Default"
	policyOldest         = "OldestInstance"
	policyNewest         = "NewestInstance"
	policyOldestTemplate = "OldestLaunchTemplate"
	policyNextHour       = "ClosestToNextInstanceHour"
)

func terminationPolicies() []string {
	return []string{policyNextHour, policyDefault, policyNewest, policyOldest, policyOldestTemplate}
}

// chooseVictim picks the instance that a scale-in takes: of the unhealthy ones, else of the zone with the most, one that the
// group's policies choose, in their order. Protected instances are never picked.
func chooseVictim(g *group, left []*member, now time.Time) *member {
	candidates := slices.DeleteFunc(slices.Clone(left), func(m *member) bool { return m.Protected })
	if len(candidates) == 0 {
		return nil
	}
	zone := fullest(g, left, countZones(g, left))
	candidates = slices.DeleteFunc(candidates, func(m *member) bool { return m.Zone != zone })
	for _, policy := range append(slices.Clone(g.TerminationRules), policyDefault) {
		candidates = narrow(candidates, ranks(g, policy, now))
	}
	return slices.MinFunc(candidates, func(a, b *member) int { return cmp.Compare(a.Instance, b.Instance) })
}

// narrow keeps the candidates with the lowest rank, one ranking after the other.
func narrow(candidates []*member, rankings []func(*member) int64) []*member {
	for _, rank := range rankings {
		lowest := rank(slices.MinFunc(candidates, func(a, b *member) int { return cmp.Compare(rank(a), rank(b)) }))
		candidates = slices.DeleteFunc(slices.Clone(candidates), func(m *member) bool { return rank(m) != lowest })
	}
	return candidates
}

// ranks returns a policy's rankings: the lowest is taken first.
func ranks(g *group, policy string, now time.Time) []func(*member) int64 {
	launched := func(m *member) int64 { return m.Launched.UnixNano() }
	hour := func(m *member) int64 { return int64(time.Hour - now.Sub(m.Launched)%time.Hour) }
	switch policy {
	case policyOldest:
		return []func(*member) int64{launched}
	case policyNewest:
		return []func(*member) int64{func(m *member) int64 { return -launched(m) }}
	case policyOldestTemplate:
		return []func(*member) int64{templateAge(g)}
	case policyNextHour:
		return []func(*member) int64{hour}
	}
	return []func(*member) int64{templateAge(g), hour}
}

// templateAge ranks instances of another template than the group's before those of its own, and older versions first.
func templateAge(g *group) func(*member) int64 {
	return func(m *member) int64 {
		if m.Template != g.Template.ID {
			return -1
		}
		if newest, err := strconv.ParseInt(g.Template.Version, 10, 64); err == nil && m.Version == newest {
			return 1 << 40
		}
		return m.Version
	}
}
