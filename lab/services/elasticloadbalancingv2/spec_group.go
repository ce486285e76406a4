package elasticloadbalancingv2

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// groupSpecs describes the target groups that a balancer's rules use.
func (s *Service) groupSpecs(tx *cloud.Tx, region string, b *loadBalancer, used map[string]bool) ([]balancer.Group, error) {
	var groups []balancer.Group
	for _, arn := range slices.Sorted(maps.Keys(used)) {
		g, err := findGroup(tx, region, &arn)
		if err != nil {
			return nil, err
		}
		part := g.spec(b)
		if part.Targets, err = s.targetSpecs(tx, region, g, b.zones()); err != nil {
			return nil, err
		}
		groups = append(groups, part)
	}
	return groups, nil
}

func (g *targetGroup) spec(b *loadBalancer) balancer.Group {
	value := func(key string) string { return groupAttributes.value(g.Attributes, key) }
	number := func(key string) int { return groupAttributes.number(g.Attributes, key) }
	return balancer.Group{
		ID: g.id(), ARN: *g.TargetGroupArn, Protocol: string(g.Protocol), HTTP2: *g.ProtocolVersion == "HTTP2",
		Algorithm: value("load_balancing.algorithm.type"), CrossZone: g.crossZone(b),
		SlowStart: time.Duration(number("slow_start.duration_seconds")) * time.Second, Sticky: g.stickiness(), Check: g.check(),
		MinHealthy:        number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"),
		MinHealthyPercent: number("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"),
	}
}

func (g *targetGroup) crossZone(b *loadBalancer) bool {
	own := groupAttributes.value(g.Attributes, "load_balancing.cross_zone.enabled")
	if own == "use_load_balancer_configuration" {
		return balancerAttributes.flag(b.Attributes, "load_balancing.cross_zone.enabled")
	}
	return own == "true"
}

func (g *targetGroup) stickiness() *balancer.Stickiness {
	if !groupAttributes.flag(g.Attributes, "stickiness.enabled") {
		return nil
	}
	seconds := func(key string) time.Duration {
		return time.Duration(groupAttributes.number(g.Attributes, key)) * time.Second
	}
	if groupAttributes.value(g.Attributes, "stickiness.type") == "app_cookie" {
		return &balancer.Stickiness{AppCookie: g.Attributes["stickiness.app_cookie.cookie_name"], Duration: seconds("stickiness.app_cookie.duration_seconds")}
	}
	return &balancer.Stickiness{Duration: seconds("stickiness.lb_cookie.duration_seconds")}
}

func (g *targetGroup) check() balancer.HealthCheck {
	port, _ := strconv.Atoi(*g.HealthCheckPort) // "traffic-port" is 0
	return balancer.HealthCheck{
		Protocol: string(g.HealthCheckProtocol), HTTP2: *g.ProtocolVersion == "HTTP2", Port: port, Path: *g.HealthCheckPath, Matcher: *g.Matcher.HttpCode,
		Interval: time.Duration(*g.HealthCheckIntervalSeconds) * time.Second, Timeout: time.Duration(*g.HealthCheckTimeoutSeconds) * time.Second,
		Healthy: int(*g.HealthyThresholdCount), Unhealthy: int(*g.UnhealthyThresholdCount),
	}
}

// targetSpecs lists the targets that nodes may send requests to: those that drain, and those that are in use.
func (s *Service) targetSpecs(tx *cloud.Tx, region string, g *targetGroup, zones map[string]bool) ([]balancer.Target, error) {
	registered, err := targetsOf(tx, region, *g.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	var parts []balancer.Target
	for _, t := range registered {
		facts, err := s.facts(tx, region, g, t)
		if err != nil {
			return nil, err
		}
		verdict := describeVerdict(t, facts, true, zones)
		address, err := netip.ParseAddr(facts.address)
		if err != nil || facts.gone || t.Drained || verdict.State == types.TargetHealthStateEnumUnused {
			continue // a pending instance may have no address yet
		}
		parts = append(parts, balancer.Target{ID: t.ID, Zone: facts.zone, Address: address, Port: int(t.Port), Draining: t.Draining != nil})
	}
	return parts, nil
}
