package route53

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/lab/cloud"
)

// sets reads records as "id:policy": "w3" weighs three, "P" and "S" are primary and secondary, "M" is multivalue, others
// are regions.
func sets(texts ...string) group {
	var g group
	for _, text := range texts {
		id, policy, _ := strings.Cut(text, ":")
		set := types.ResourceRecordSet{Name: aws.String("a.test."), Type: types.RRTypeA, SetIdentifier: &id, HealthCheckId: &id}
		switch policy[0] {
		case 'w':
			set.Weight = aws.Int64(int64(policy[1] - '0'))
		case 'P':
			set.Failover = types.ResourceRecordSetFailoverPrimary
		case 'S':
			set.Failover = types.ResourceRecordSetFailoverSecondary
		case 'M':
			set.MultiValueAnswer = aws.Bool(true)
		default:
			set.Region = types.ResourceRecordSetRegion(policy)
		}
		g = append(g, set)
	}
	return g
}

func ids(g group) string {
	var all []string
	for _, set := range g {
		all = append(all, *set.SetIdentifier)
	}
	return strings.Join(all, "")
}

func TestWhichRecordsMayAnswer(t *testing.T) {
	for _, c := range []struct {
		records    []string
		down, want string
	}{
		{[]string{"a:w1", "b:w2", "c:w0"}, "", "ab"},
		{[]string{"a:w1", "b:w2", "c:w0"}, "a", "b"},
		{[]string{"a:w1", "b:w2", "c:w0"}, "ab", "c"},
		{[]string{"a:w1", "b:w2", "c:w0"}, "abc", "ab"},
		{[]string{"a:w0", "b:w0"}, "", "ab"},
		{[]string{"a:w0", "b:w0"}, "a", "b"},
		{[]string{"b:S", "a:P"}, "", "a"},
		{[]string{"b:S", "a:P"}, "a", "b"},
		{[]string{"b:S", "a:P"}, "b", "a"},
		{[]string{"b:S", "a:P"}, "ab", "a"},
		{[]string{"a:P"}, "a", "a"},
		{[]string{"a:M", "b:M", "c:M"}, "b", "ac"},
		{[]string{"a:M", "b:M", "c:M"}, "abc", "abc"},
		{[]string{"a:us-east-1", "b:eu-west-1"}, "a", "b"},
		{[]string{"a:us-east-1", "b:eu-west-1"}, "ab", "ab"},
	} {
		got := sets(c.records...).eligible(func(set types.ResourceRecordSet) bool { return !strings.Contains(c.down, *set.SetIdentifier) })
		require.Equal(t, c.want, ids(got), "%v without %s", c.records, c.down)
	}
	near := sets("a:us-east-1", "b:eu-west-1", "c:us-west-2")
	require.Equal(t, "b", *near.closest("eu-central-1").SetIdentifier)
	require.Equal(t, "a", *near.closest("us-east-2").SetIdentifier)
	require.Equal(t, "c", *near.closest("us-west-2").SetIdentifier)
}

func TestSomethingAlwaysAnswersAndNothingUnhealthyBesideHealthy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"w", "P", "M", "R"}).Draw(t, "kind")
		count := rapid.IntRange(1, 6).Draw(t, "count")
		var texts []string
		regions := cloud.Regions()
		for i := range count {
			policy := map[string]string{"w": "w" + string(rune('0'+rapid.IntRange(0, 3).Draw(t, "weight"))), "M": "M", "P": "PS"[i%2 : i%2+1], "R": regions[i%len(regions)].Name}[kind]
			if kind == "P" && i > 1 {
				break
			}
			texts = append(texts, string(rune('a'+i))+":"+policy)
		}
		g := sets(texts...)
		down := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), rapid.ID).Draw(t, "down")
		healthy := func(set types.ResourceRecordSet) bool { return !slices.Contains(down, *set.SetIdentifier) }
		chosen := g.eligible(healthy)
		require.NotEmpty(t, chosen)
		if len(g.only(healthy)) > 0 {
			require.Equal(t, len(chosen), len(chosen.only(healthy)), "unhealthy records answer beside healthy ones")
		}
	})
}

func TestAliasesFollowTheHealthOfWhatTheyLeadTo(t *testing.T) {
	alias := func(name, target, zone string) types.ResourceRecordSet {
		return types.ResourceRecordSet{Name: &name, Type: types.RRTypeA, AliasTarget: &types.AliasTarget{DNSName: &target, HostedZoneId: &zone, EvaluateTargetHealth: true}}
	}
	leaf := func(name, check string) types.ResourceRecordSet {
		return types.ResourceRecordSet{Name: &name, Type: types.RRTypeA, HealthCheckId: &check, SetIdentifier: &check, Weight: aws.Int64(1)}
	}
	z := &zone{ID: "Z1", Records: []types.ResourceRecordSet{leaf("leaf.test.", "one"), leaf("leaf.test.", "two"), alias("middle.test.", "leaf.test.", "Z1")}}
	down := ""
	judge := &tree{zone: z, status: func(id string) bool { return !strings.Contains(down, id) }, balancers: balancers{"web.elb.amazonaws.com": true, "dead.elb.amazonaws.com": false}}
	top := alias("top.test.", "middle.test", "Z1")
	require.True(t, judge.healthy(top))
	down = "one"
	require.True(t, judge.healthy(top), "one healthy record is enough")
	down = "one two"
	require.False(t, judge.healthy(top), "through two aliases")
	top.AliasTarget.EvaluateTargetHealth = false
	require.True(t, judge.healthy(top))
	require.False(t, judge.healthy(alias("x.test.", "nowhere.test.", "Z1")))
	require.True(t, judge.healthy(alias("x.test.", "dualstack.web.elb.amazonaws.com.", "Z35SXDOTRQ7X7K")))
	require.False(t, judge.healthy(alias("x.test.", "dead.elb.amazonaws.com", "Z35SXDOTRQ7X7K")))
	require.True(t, judge.healthy(alias("x.test.", "other.amazonaws.com", "Z35SXDOTRQ7X7K")))
	z.Records = append(z.Records, alias("loop.test.", "loop.test.", "Z1"))
	judge.healthy(z.Records[len(z.Records)-1]) // ends
}

type balancers map[string]bool

func (b balancers) Healthy(_ *cloud.Tx, name string) (healthy, known bool, err error) {
	healthy, known = b[name]
	return healthy, known, nil
}

func TestCheckersChangeTheirOpinionAfterTheThreshold(t *testing.T) {
	c := checker{healthy: true}
	for range 2 {
		c = c.take(false, 3)
		require.True(t, c.healthy)
	}
	c = c.take(true, 3).take(false, 3).take(false, 3)
	require.True(t, c.healthy, "in a row")
	c = c.take(false, 3)
	require.False(t, c.healthy)
	c = c.take(true, 3).take(true, 3)
	require.False(t, c.healthy)
	require.True(t, c.take(true, 3).healthy)

	opinions := make([]checker, 8)
	healthy, _ := agreed(opinions)
	require.False(t, healthy)
	opinions[0].healthy = true
	healthy, percent := agreed(opinions)
	require.False(t, healthy, "one of eight is %f %%", percent)
	opinions[1].healthy = true
	healthy, _ = agreed(opinions)
	require.True(t, healthy, "two of eight are more than 18 %")
}

func TestStatusesAreCalculatedInvertedAndFollowAlarms(t *testing.T) {
	probe := func(inverted, disabled bool) *check {
		return &check{Config: types.HealthCheckConfig{Type: types.HealthCheckTypeHttp, Inverted: &inverted, Disabled: &disabled}}
	}
	calculated := func(least int32, children ...string) *check {
		return &check{Config: types.HealthCheckConfig{Type: types.HealthCheckTypeCalculated, HealthThreshold: &least, ChildHealthChecks: children}}
	}
	alarm := func(missing types.InsufficientDataHealthStatus, inverted bool) *check {
		return &check{Config: types.HealthCheckConfig{Type: types.HealthCheckTypeCloudwatchMetric, InsufficientDataHealthStatus: missing, Inverted: &inverted}}
	}
	w := &world{
		checks: map[string]*check{
			"up": probe(false, false), "down": probe(false, false), "new": probe(false, false), "newInverted": probe(true, false), "upInverted": probe(true, false),
			"off": probe(false, true), "two": calculated(2, "up", "down", "new"), "three": calculated(3, "up", "down", "new"), "always": calculated(0, "down"),
			"ok": alarm("", false), "alarm": alarm("", false), "alarmInverted": alarm("", true), "unknownBad": alarm(types.InsufficientDataHealthStatusUnhealthy, false),
			"unknownLast": alarm(types.InsufficientDataHealthStatusLastKnownStatus, false),
		},
		endpoints: map[string]bool{"up": true, "down": false, "upInverted": true, "off": false},
		known:     map[string]bool{"unknownLast": false},
		alarms:    map[string]cloudwatch.StateValue{"ok": cloudwatch.StateValueOk, "alarm": cloudwatch.StateValueAlarm, "alarmInverted": cloudwatch.StateValueAlarm},
	}
	for id, c := range w.checks {
		c.ID = id
	}
	for id, want := range map[string]bool{
		"up": true, "down": false, "new": true, "newInverted": false, "upInverted": false, "off": true, "two": true, "three": false, "always": true,
		"ok": true, "alarm": false, "alarmInverted": true, "unknownBad": false, "unknownLast": false, "nobody": true,
	} {
		require.Equal(t, want, w.status(id), id)
	}
}
