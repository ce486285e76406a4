package overview_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	fwtypes "github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/overview"
	"haven/lab/overview/overviewtest"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

func TestAnEnvironmentThatIsWell(t *testing.T) {
	p := overview.Build(overviewtest.Facts())
	assert.Equal(t, overview.AllWell, p.Verdict)
	assert.Empty(t, p.Troubles)
	assert.False(t, p.Empty)
	require.Len(t, p.Zones, 3, "zones without a subnet are no column")
	for i, zone := range p.Zones {
		assert.Equal(t, "us-east-1"+string(rune('a'+i)), zone.Name)
		assert.Equal(t, overview.Well, zone.Health)
		counts := []int{len(zone.Firewall), len(zone.NAT), len(zone.Balancer), len(zone.Servers), len(zone.Database), len(zone.Mounts), len(zone.Copies)}
		assert.Equal(t, []int{1, 1, 1, 2, 1, 1, 1}, counts)
	}
	first := p.Zones[0]
	assert.Equal(t, "127.80.1.1", first.Balancer[0].Loopback)
	assert.Equal(t, "v7", first.Servers[0].Version)
	assert.Equal(t, []overview.Target{{Group: "haven-web", State: "healthy"}}, first.Servers[0].Targets)
	assert.Equal(t, "writer", first.Database[0].Role)
	assert.Nil(t, first.Database[0].Lag, "a writer has no lag")
	assert.InDelta(t, 0.003, *p.Zones[1].Database[0].Lag, 1e-9)
	assert.True(t, p.Zones[1].Database[0].Synchronous)
	assert.Equal(t, overview.Group{Name: "haven-web", Min: 6, Desired: 6, Max: 12, InService: 6}, p.Groups[0])
	assert.Equal(t, overview.Files{ID: "fs-1", State: "available", Used: 48_300_000, Copies: 3, Zones: 3}, p.Files[0])
	assert.Equal(t, "haven-5xx", p.Alarms[0].Name, "those of target tracking come last")
}

// Each case breaks one thing; the picture says it where it is, and nowhere else.
func TestWhatIsWrongIsSaidWhereItIs(t *testing.T) {
	fault := func(kind, zone, target, nic string) func(*overview.Facts) {
		return func(f *overview.Facts) {
			f.Faults = []overview.Fault{{ID: "f-1", Kind: kind, Zone: zone, Target: target, Interface: nic}}
		}
	}
	for _, c := range []struct {
		name    string
		change  func(*overview.Facts)
		verdict overview.Verdict
		zones   [3]overview.Health
		trouble string
	}{
		{"an unhealthy target", func(f *overview.Facts) {
			f.Targets[0].Health[0].TargetHealth = &elbtypes.TargetHealth{State: elbtypes.TargetHealthStateEnumUnhealthy, Description: aws.String("Request timed out")}
		}, overview.Degraded, [3]overview.Health{overview.Failing, overview.Well, overview.Well},
			"server i-0a17f3c9d2e81b460a in us-east-1a: unhealthy in haven-web: Request timed out"},
		{"a target that is being checked", func(f *overview.Facts) {
			f.Targets[0].Health[2].TargetHealth.State = elbtypes.TargetHealthStateEnumInitial
		}, overview.Changing, [3]overview.Health{overview.Well, overview.Busy, overview.Well}, ""},
		{"no healthy target at all", func(f *overview.Facts) {
			for i := range f.Targets[0].Health {
				f.Targets[0].Health[i].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy
			}
		}, overview.Down, [3]overview.Health{overview.Failing, overview.Failing, overview.Failing}, "no server is healthy"},
		{"an impaired instance", func(f *overview.Facts) {
			f.Statuses[5].SystemStatus = &ec2types.InstanceStatusSummary{Status: ec2types.SummaryStatusImpaired}
		}, overview.Degraded, [3]overview.Health{overview.Well, overview.Well, overview.Failing},
			"server i-0c27f3c9d2e81b460c in us-east-1c: system status check failed"},
		{"a stopped instance without targets", func(f *overview.Facts) {
			f.Instances[1].State.Name = ec2types.InstanceStateNameStopped
			f.Targets[0].Health = append(f.Targets[0].Health[:1:1], f.Targets[0].Health[2:]...)
		}, overview.AllWell, [3]overview.Health{overview.Well, overview.Well, overview.Well}, ""},
		{"a writer that is down", func(f *overview.Facts) {
			f.Members["haven-database-a"] = overview.DatabaseMember{Phase: "down", Reason: "it was killed"}
		}, overview.Down, [3]overview.Health{overview.Failing, overview.Well, overview.Well}, "cluster haven-database has no writer"},
		{"a reader that is rebuilt", func(f *overview.Facts) {
			f.Members["haven-database-b"] = overview.DatabaseMember{Phase: "building"}
		}, overview.Changing, [3]overview.Health{overview.Well, overview.Busy, overview.Well}, ""},
		{"a reader that is down", func(f *overview.Facts) {
			f.Members["haven-database-c"] = overview.DatabaseMember{Phase: "down"}
		}, overview.Degraded, [3]overview.Health{overview.Well, overview.Well, overview.Failing},
			"database reader haven-database-c in us-east-1c: does not answer"},
		{"a node that does not run", func(f *overview.Facts) {
			f.Nodes[1].Running, f.Nodes[1].Reason = false, "HAProxy ended"
		}, overview.Degraded, [3]overview.Health{overview.Well, overview.Failing, overview.Well}, "balancer node eni-node-b in us-east-1b: HAProxy ended"},
		{"nodes that are being made", func(f *overview.Facts) {
			f.Balancers[0].State.Code = elbtypes.LoadBalancerStateEnumProvisioning
			f.Nodes[0].Running = false
		}, overview.Changing, [3]overview.Health{overview.Busy, overview.Well, overview.Well}, ""},
		{"a firewall endpoint that failed", func(f *overview.Facts) {
			f.Firewalls[0].Status.SyncStates["us-east-1c"].Attachment.Status = fwtypes.AttachmentStatusFailed
		}, overview.Degraded, [3]overview.Health{overview.Well, overview.Well, overview.Failing}, "firewall endpoint vpce-c in us-east-1c: FAILED"},
		{"a NAT gateway that failed", func(f *overview.Facts) {
			f.NATs[0].State, f.NATs[0].FailureMessage = ec2types.NatGatewayStateFailed, aws.String("Network has no Internet gateway attached")
		}, overview.Degraded, [3]overview.Health{overview.Failing, overview.Well, overview.Well}, "NAT gateway nat-a in us-east-1a: Network has no Internet gateway attached"},
		{"a lost copy", func(f *overview.Facts) { f.Disks["fs-1"].Copies["us-east-1b"] = "lost" },
			overview.Degraded, [3]overview.Health{overview.Well, overview.Failing, overview.Well}, "copy of the files fs-1 in us-east-1b: lost"},
		{"a copy that heals", func(f *overview.Facts) { f.Disks["fs-1"].Copies["us-east-1b"] = "healing" },
			overview.Changing, [3]overview.Health{overview.Well, overview.Busy, overview.Well}, ""},
		{"a mount target that serves nobody", func(f *overview.Facts) { f.Disks["fs-1"].Serving["fsmt-a"] = false },
			overview.Degraded, [3]overview.Health{overview.Failing, overview.Well, overview.Well}, "mount target fsmt-a in us-east-1a: serves nobody"},
		{"a mount target that is made", func(f *overview.Facts) { f.Mounts[0].LifeCycleState = efstypes.LifeCycleStateCreating },
			overview.Changing, [3]overview.Health{overview.Busy, overview.Well, overview.Well}, ""},
		{"an alarm", func(f *overview.Facts) { f.Alarms[1].State = "ALARM" },
			overview.Degraded, [3]overview.Health{overview.Well, overview.Well, overview.Well}, "alarm haven-unhealthy-hosts is in ALARM"},
		{"a zone without power", fault("zone-power", "us-east-1b", "", ""),
			overview.Degraded, [3]overview.Health{overview.Well, overview.Failing, overview.Well}, "NAT gateway nat-b in us-east-1b: hit by the fault zone-power"},
		{"a lost firewall endpoint", fault("firewall-endpoint", "us-east-1a", "", ""),
			overview.Degraded, [3]overview.Health{overview.Failing, overview.Well, overview.Well}, "firewall endpoint vpce-a in us-east-1a: hit by the fault firewall-endpoint"},
		{"a fault that nobody has noticed", fault("hang", "us-east-1c", "haven-lab/us-east-1c", "eni-node-c"),
			overview.Degraded, [3]overview.Health{overview.Well, overview.Well, overview.Well}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts := overviewtest.Facts()
			c.change(&facts)
			p := overview.Build(facts)
			assert.Equal(t, c.verdict, p.Verdict, p.Troubles)
			for i, health := range c.zones {
				assert.Equal(t, health, p.Zones[i].Health, p.Zones[i].Name)
			}
			if c.trouble == "" {
				assert.Empty(t, p.Troubles)
			} else {
				assert.Contains(t, p.Troubles, c.trouble)
			}
		})
	}
}

func TestFaultsAreMarkedOnWhatTheyHit(t *testing.T) {
	facts := overviewtest.Facts()
	facts.Faults = []overview.Fault{
		{ID: "f-1", Kind: "hang", Zone: "us-east-1c", Target: "haven-lab/us-east-1c", Interface: "eni-node-c"},
		{ID: "f-2", Kind: "slow", Zone: "us-east-1a", Target: "haven-database-a"},
		{ID: "f-3", Kind: "disk", Zone: "us-east-1b"},
	}
	p := overview.Build(facts)
	assert.Equal(t, []string{"f-1"}, p.Zones[2].Balancer[0].Faults)
	assert.Equal(t, []string{"f-2"}, p.Zones[0].Database[0].Faults)
	assert.Equal(t, []string{"f-3"}, p.Zones[1].Copies[0].Faults)
	assert.Empty(t, p.Zones[1].Servers[0].Faults)
}

func TestFlowsAreMeasuredNumbers(t *testing.T) {
	facts := overviewtest.Facts()
	facts.Flow = func(nic string) (float64, float64) {
		return map[string]float64{"eni-firewall-a": 1000, "eni-database-a": 30, "eni-nat-a": 7}[nic], map[string]float64{"eni-database-a": 12}[nic]
	}
	facts.Target = func(address string) (float64, float64) { return 2.5, 0 }
	facts.Traffic = func(nodes ...string) traffic.Sample {
		return traffic.Sample{Requests: 5 * float64(len(nodes)), Bytes: 900 * float64(len(nodes))}
	}
	p := overview.Build(facts)
	assert.Equal(t, 15.0, p.Traffic.Requests)
	assert.Equal(t, 15.0, p.Balancers[0].Traffic.Requests)
	var first []overview.Flow
	for _, flow := range p.Flows {
		if flow.Zone == "us-east-1a" {
			first = append(first, flow)
		}
	}
	assert.Equal(t, []overview.Flow{
		{Zone: "us-east-1a", From: "internet", To: "firewall", Bytes: 1000},
		{Zone: "us-east-1a", From: "firewall", To: "balancer", Requests: 5, Bytes: 900},
		{Zone: "us-east-1a", From: "balancer", To: "servers", Requests: 5},
		{Zone: "us-east-1a", From: "servers", To: "database", Bytes: 42},
		{Zone: "us-east-1a", From: "servers", To: "files"},
		{Zone: "us-east-1a", From: "servers", To: "internet", Bytes: 7},
	}, first)
}

func TestAnEmptyRegionShowsWhereThingsCouldBe(t *testing.T) {
	p := overview.Build(overview.Facts{Region: "us-west-2", Zones: []string{"us-west-2a", "us-west-2b", "us-west-2c", "us-west-2d"}, Realm: "running"})
	assert.True(t, p.Empty)
	assert.Len(t, p.Zones, 3)
	assert.Equal(t, overview.AllWell, p.Verdict)
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "null", "lists are never null")
}

func TestPicturesOfTheSameFactsAreTheSame(t *testing.T) {
	for range 20 { // maps are walked in another order each time
		assert.Equal(t, overview.Build(overviewtest.Facts()), overview.Build(overviewtest.Facts()))
	}
}

func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after func(*overview.Facts)
		want          []timeline.Event
	}{
		{"nothing", nil, nil, nil},
		{"a server fails", nil, func(f *overview.Facts) {
			f.Targets[0].Health[0].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy
		},
			[]timeline.Event{{Zone: "us-east-1a", Source: "ec2", Subject: "i-0a17f3c9d2e81b460a", Text: "unhealthy in haven-web", Severity: timeline.Warning}}},
		{"a server is well again", func(f *overview.Facts) {
			f.Targets[0].Health[0].TargetHealth.State = elbtypes.TargetHealthStateEnumUnhealthy
		}, nil,
			[]timeline.Event{{Zone: "us-east-1a", Source: "ec2", Subject: "i-0a17f3c9d2e81b460a", Text: "running, healthy in haven-web", Severity: timeline.Good}}},
		{"a server goes", nil, func(f *overview.Facts) { f.Instances = f.Instances[1:] },
			[]timeline.Event{{Zone: "us-east-1a", Source: "ec2", Subject: "i-0a17f3c9d2e81b460a", Text: "gone", Severity: timeline.Info}}},
		{"a server comes", func(f *overview.Facts) { f.Instances = f.Instances[1:] }, nil,
			[]timeline.Event{{Zone: "us-east-1a", Source: "ec2", Subject: "i-0a17f3c9d2e81b460a", Text: "new: running, healthy in haven-web", Severity: timeline.Info}}},
		{"another writer", nil, func(f *overview.Facts) {
			f.Clusters[0].DBClusterMembers[0].IsClusterWriter, f.Clusters[0].DBClusterMembers[1].IsClusterWriter = aws.Bool(false), aws.Bool(true)
		}, []timeline.Event{
			{Zone: "us-east-1a", Source: "rds", Subject: "haven-database-a", Text: "reader, available", Severity: timeline.Info},
			{Zone: "us-east-1b", Source: "rds", Subject: "haven-database-b", Text: "writer, available", Severity: timeline.Info},
		}},
		{"a copy is lost", nil, func(f *overview.Facts) { f.Disks["fs-1"].Copies["us-east-1c"] = "lost" },
			[]timeline.Event{{Zone: "us-east-1c", Source: "efs", Subject: "fs-1", Text: "its copy is lost", Severity: timeline.Warning}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := func(change func(*overview.Facts)) overview.Picture {
				facts := overviewtest.Facts()
				if change != nil {
					change(&facts)
				}
				return overview.Build(facts)
			}
			events := overview.Changes(build(c.before), build(c.after))
			for i := range c.want {
				c.want[i].Region, c.want[i].Time = "us-east-1", overviewtest.Begun.Add(time.Hour)
			}
			assert.Equal(t, c.want, events)
		})
	}
}
