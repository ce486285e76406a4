package elasticloadbalancingv2_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/balancer"
	"haven/lab/realm/dns"
)

// served is a balancer with a listener and a healthy target in each of its zones.
func (b *bench) served() (arn, group *string) {
	b.Helper()
	arn, group = b.balancer("web").LoadBalancerArn, b.targetGroup("app").TargetGroupArn
	b.listener(arn, group, 80)
	b.instance("i-a", "us-east-1a", "10.0.0.5")
	b.instance("i-b", "us-east-1b", "10.0.1.5")
	require.NoError(b, b.register(group, "i-a", "i-b"))
	for _, id := range []string{"i-a", "i-b"} {
		b.realm.say(func() { b.realm.verdicts[id] = balancer.TargetHealth{Verdict: balancer.VerdictHealthy} })
	}
	b.run()
	b.becomes(group, "i-a", "healthy ")
	b.becomes(group, "i-b", "healthy ")
	return arn, group
}

// zones are the zones whose nodes the balancer's name leads to.
func (b *bench) zones() (zones []string) {
	b.Helper()
	require.NoError(b, b.store.View(func(tx *cloud.Tx) error {
		var names []dns.Record
		names, err := b.service.Names(tx)
		require.NoError(b, err)
		nodes, err := b.service.Nodes(tx)
		for _, node := range nodes {
			if slices.Contains(names[0].Values, node.Public.String()) {
				zones = append(zones, node.Zone)
			}
		}
		return err
	}))
	return zones
}

func (b *bench) leadsTo(what string, want ...string) {
	b.Helper()
	b.eventually(what, func() bool { return slices.Equal(b.zones(), want) })
}

func TestANodeLeavesTheNameByItsOwnViewOfTheTargets(t *testing.T) {
	b := newBench(t, true)
	_, group := b.served()
	b.leadsTo("both", "us-east-1a", "us-east-1b")
	unhealthy := balancer.TargetHealth{Verdict: balancer.VerdictUnhealthy, Reason: balancer.ReasonTimeout}
	b.realm.say(func() {
		b.realm.differ["us-east-1a"] = map[string]balancer.TargetHealth{"i-a": unhealthy, "i-b": unhealthy}
	})
	b.leadsTo("the node that reaches nothing is out", "us-east-1b")
	require.Equal(t, "healthy ", b.health(group)["i-a"], "one node alone does not judge")
	b.realm.say(func() { b.realm.differ["us-east-1a"] = nil })
	b.leadsTo("both again", "us-east-1a", "us-east-1b")

	b.attributes(group, "target_group_health.dns_failover.minimum_healthy_targets.percentage", "60")
	b.realm.say(func() { b.realm.differ["us-east-1b"] = map[string]balancer.TargetHealth{"i-a": unhealthy} })
	b.leadsTo("half of the targets are fewer than 60 per cent", "us-east-1a")
}

func TestAZonalShiftLeadsDNSAndRequestsAway(t *testing.T) {
	b := newBench(t, true)
	arn, group := b.served()
	_, err := b.client.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: arn,
		Attributes: []types.LoadBalancerAttribute{{Key: aws.String("zonal_shift.config.enabled"), Value: aws.String("true")}}})
	require.NoError(t, err)
	override := func() map[string]types.TargetAdministrativeOverrideStateEnum {
		out, err := b.client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group})
		require.NoError(t, err)
		states := map[string]types.TargetAdministrativeOverrideStateEnum{}
		for _, d := range out.TargetHealthDescriptions {
			require.Equal(t, types.TargetHealthStateEnumHealthy, d.TargetHealth.State)
			states[*d.Target.Id] = d.AdministrativeOverride.State
		}
		return states
	}
	require.Equal(t, map[string]types.TargetAdministrativeOverrideStateEnum{"i-a": "no_override", "i-b": "no_override"}, override())
	b.shifts.set("us-east-1a")
	b.leadsTo("the zone is out", "us-east-1b")
	require.Equal(t, map[string]types.TargetAdministrativeOverrideStateEnum{"i-a": "zonal_shift_active", "i-b": "no_override"}, override())
	shifted := func(want bool) func() bool {
		return func() bool {
			return b.realm.spec("us-east-1b").Groups[0].Targets[0].Shifted == want && !b.realm.spec("us-east-1b").Groups[0].Targets[1].Shifted
		}
	}
	b.eventually("its targets get nothing", shifted(true))
	b.attributes(group, "load_balancing.cross_zone.enabled", "false")
	b.eventually("without cross-zone, DNS alone leads away", shifted(false))
	require.Equal(t, map[string]types.TargetAdministrativeOverrideStateEnum{"i-a": "zonal_shift_delegated_to_dns", "i-b": "no_override"}, override())
	b.shifts.set("")
	b.leadsTo("both again", "us-east-1a", "us-east-1b")
}

func TestFaultsReachTheNodesAndCanBeRepeated(t *testing.T) {
	b := newBench(t, true)
	b.served()
	for range 2 {
		b.service.SetZoneDown(region, "us-east-1a", true)
		b.service.Suspend(region, "web", "us-east-1b", true)
		b.eventually("the nodes are told", func() bool { return b.realm.spec("us-east-1a").Lost && b.realm.spec("us-east-1b").Hung })
	}
	require.False(t, b.realm.spec("us-east-1a").Hung || b.realm.spec("us-east-1b").Lost)
	b.service.SetNodeDown(region, "web", "us-east-1a", true)
	b.service.SetZoneDown(region, "us-east-1a", false)
	require.Never(t, func() bool { return !b.realm.spec("us-east-1a").Lost }, quietTime, waitStep, "the node has a fault of its own")
	b.service.SetNodeDown(region, "web", "us-east-1a", false)
	b.service.Suspend(region, "web", "us-east-1b", false)
	b.eventually("all is well", func() bool { return !b.realm.spec("us-east-1a").Lost && !b.realm.spec("us-east-1b").Hung })
}

func TestWhatNodesDoIsMeasured(t *testing.T) {
	b := newBench(t, true)
	arn, group := b.served()
	id := b.realm.spec("us-east-1a").Groups[0].ID
	suffix, groupName := (*arn)[len("arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/"):], (*group)[len("arn:aws:elasticloadbalancing:us-east-1:000000000000:"):]
	asked := balancer.Entry{Balancer: *arn, Zone: "us-east-1a", Group: id, Server: "i-a", Rule: "0", Received: 100, Sent: 200}
	for _, took := range []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 300 * time.Millisecond} {
		ok := asked
		ok.Status, ok.Answered, ok.Waited = 200, "200", took
		b.service.Access(ok)
	}
	lost := asked
	lost.Status, lost.End, lost.Waited, lost.Zone = 502, "SC", -1, "us-east-1b"
	b.service.Access(lost)
	lb, zone := metric.Dimension{Name: "LoadBalancer", Value: suffix}, metric.Dimension{Name: "AvailabilityZone", Value: "us-east-1a"}
	tg := metric.Dimension{Name: "TargetGroup", Value: groupName}
	require.Eventually(t, func() bool {
		_, found := b.metrics.sum("TargetResponseTime", tg, lb)
		return found
	}, 15*time.Second, 50*time.Millisecond)
	for _, want := range []struct {
		name       string
		dimensions []metric.Dimension
		sum        float64
	}{
		{"RequestCount", []metric.Dimension{lb}, 4}, {"RequestCount", []metric.Dimension{zone, lb}, 3}, {"RequestCount", []metric.Dimension{tg, lb}, 4},
		{"RequestCountPerTarget", []metric.Dimension{tg}, 2}, {"RequestCountPerTarget", []metric.Dimension{tg, lb}, 2},
		{"HTTPCode_Target_2XX_Count", []metric.Dimension{tg, zone, lb}, 3}, {"HTTPCode_ELB_5XX_Count", []metric.Dimension{lb}, 1},
		{"HTTPCode_ELB_502_Count", []metric.Dimension{lb}, 1}, {"TargetConnectionErrorCount", []metric.Dimension{tg, lb}, 1},
		{"ProcessedBytes", []metric.Dimension{lb}, 1200}, {"TargetResponseTime", []metric.Dimension{tg, lb}, 0.320},
	} {
		got, found := b.metrics.sum(want.name, want.dimensions...)
		require.True(t, found, want.name)
		require.InEpsilon(t, want.sum, got, 0.02, want.name)
	}
	healthy, found := b.metrics.sum("HealthyHostCount", tg, lb)
	require.True(t, found)
	require.EqualValues(t, 4, healthy, "each of two nodes finds two")
}
