package route53

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// Routing policies, as errors name them.
const (
	routingSimple     = "simple"
	routingWeighted   = "weighted"
	routingFailover   = "failover"
	routingMultivalue = "multivalue answer"
	routingLatency    = "latency"
)

// policyOf returns a record's routing policy; "" is one that the lab does not have.
func policyOf(set types.ResourceRecordSet) string {
	switch {
	case set.GeoLocation != nil || set.GeoProximityLocation != nil || set.CidrRoutingConfig != nil:
		return ""
	case set.Weight != nil:
		return routingWeighted
	case set.Failover != "":
		return routingFailover
	case aws.ToBool(set.MultiValueAnswer):
		return routingMultivalue
	case set.Region != "":
		return routingLatency
	}
	return routingSimple
}

// group are the records of one name and type, among which Route 53 chooses.
type group []types.ResourceRecordSet

// groups splits a zone's records, which are in order, by name and type.
func groups(records []types.ResourceRecordSet) []group {
	var all []group
	for _, set := range records {
		last := len(all) - 1
		if last >= 0 && *all[last][0].Name == *set.Name && all[last][0].Type == set.Type {
			all[last] = append(all[last], set)
			continue
		}
		all = append(all, group{set})
	}
	return all
}

// eligible returns the records that may answer: the healthy ones and, when none is, all of them, for it is assumed that
// the checks are wrong rather than everything down
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html).
func (g group) eligible(healthy func(types.ResourceRecordSet) bool) group {
	switch policyOf(g[0]) {
	case routingWeighted:
		return g.weighted(healthy)
	case routingFailover:
		return g.failover(healthy)
	case routingMultivalue, routingLatency:
		if found := g.only(healthy); len(found) > 0 {
			return found
		}
	}
	return g
}

func (g group) only(fits func(types.ResourceRecordSet) bool) (found group) {
	for _, set := range g {
		if fits(set) {
			found = append(found, set)
		}
	}
	return found
}

// weighted leaves records of weight zero for when no other is healthy.
func (g group) weighted(healthy func(types.ResourceRecordSet) bool) group {
	some := g.only(func(set types.ResourceRecordSet) bool { return aws.ToInt64(set.Weight) > 0 })
	if len(some) == 0 {
		some = g // all are zero: each is as likely
	}
	for _, among := range []group{some, g} {
		if found := among.only(healthy); len(found) > 0 {
			return found
		}
	}
	return some
}

// failover chooses the primary unless it alone is unhealthy.
func (g group) failover(healthy func(types.ResourceRecordSet) bool) group {
	order := slices.Clone(g)
	slices.SortStableFunc(order, func(a, b types.ResourceRecordSet) int { return cmp.Compare(a.Failover, b.Failover) }) // PRIMARY, SECONDARY
	if found := order.only(healthy); len(found) > 0 {
		return found[:1]
	}
	return order[:1]
}

// latencies are round-trip times between the lab's regions in milliseconds, of the usual order.
var latencies = map[[2]string]int{
	{"us-east-1", "us-east-2"}: 12, {"us-east-1", "us-west-2"}: 62, {"us-east-1", "eu-west-1"}: 68, {"us-east-1", "eu-central-1"}: 92,
	{"us-east-2", "us-west-2"}: 51, {"us-east-2", "eu-west-1"}: 80, {"us-east-2", "eu-central-1"}: 104, {"us-west-2", "eu-west-1"}: 121,
	{"us-west-2", "eu-central-1"}: 147, {"eu-west-1", "eu-central-1"}: 24,
}

func latency(from, to string) int {
	if from == to {
		return 1
	}
	return cmp.Or(latencies[[2]string{from, to}], latencies[[2]string{to, from}])
}

// closest returns the record whose region answers soonest from a region.
func (g group) closest(from string) types.ResourceRecordSet {
	return slices.MinFunc(g, func(a, b types.ResourceRecordSet) int {
		return cmp.Compare(latency(from, string(a.Region)), latency(from, string(b.Region)))
	})
}

// isRegion tells whether the lab has a region, of which alone it knows how far away it is.
func isRegion(name types.ResourceRecordSetRegion) bool {
	_, ok := cloud.FindRegion(string(name))
	return ok
}

// Balancers knows which balancers are healthy.
type Balancers interface {
	// Healthy tells whether the balancer of a DNS name has healthy targets; names of others are not known.
	Healthy(tx *cloud.Tx, dnsName string) (healthy, known bool, err error)
}

// tree judges the records of one zone, whose aliases may lead to one another.
type tree struct {
	tx        *cloud.Tx
	zone      *zone
	status    func(healthCheck string) bool
	balancers Balancers
	err       error
}

// healthy tells whether a record is: by its health check, and an alias that evaluates its target's health by that, too.
func (t *tree) healthy(set types.ResourceRecordSet) bool { return t.judge(set, 0) }

// deepest bounds chains of aliases.
const deepest = 16

func (t *tree) judge(set types.ResourceRecordSet, depth int) bool {
	if set.HealthCheckId != nil && !t.status(*set.HealthCheckId) {
		return false
	}
	if set.AliasTarget == nil || !set.AliasTarget.EvaluateTargetHealth || depth > deepest {
		return true
	}
	name := canonical(aws.ToString(set.AliasTarget.DNSName))
	if bare(set.AliasTarget.HostedZoneId) == t.zone.ID {
		return t.anyHealthy(name, set.Type, depth)
	}
	if t.balancers == nil {
		return true
	}
	healthy, known, err := t.balancers.Healthy(t.tx, balancerName(name))
	if err != nil {
		t.err = err
	}
	return healthy || !known
}

// anyHealthy tells whether a name of the zone has a healthy record: then an alias to it is healthy. A name that is not
// there has none.
func (t *tree) anyHealthy(name string, kind types.RRType, depth int) bool {
	return slices.ContainsFunc(t.zone.Records, func(set types.ResourceRecordSet) bool {
		return *set.Name == name && set.Type == kind && t.judge(set, depth+1)
	})
}

// balancerName is a balancer's own name, which consoles put "dualstack." before.
func balancerName(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "dualstack."), ".")
}
