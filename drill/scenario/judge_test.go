package scenario

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/history"
	"haven/drill/target"
	"haven/infra/outputs"
)

// stage is of a stack whose checks are five seconds apart; a balancer's node may lag eight seconds.
var stage = Stage{Environment: &target.Environment{
	Outputs: outputs.Outputs{Web: outputs.Web{StatedLoad: 10}},
	Declared: budget.Declared{
		Health: budget.Health{Interval: 5 * time.Second, Timeout: 3 * time.Second, Unhealthy: 2},
		Names:  budget.Names{Balancer: time.Second, Database: time.Second, NodeCheck: time.Second},
		Database: budget.Database{
			Promotion: time.Second, Detection: time.Second, ConnectTimeout: time.Second, StatementLimit: time.Second, RetryPause: time.Second, Restart: time.Second,
		},
		FilesGrace: time.Second,
	},
}}

// answered is a drill of 100 s: ten requests a second, which two servers in zones a and b answer in turns through the nodes of both. The
// fault holds from 10 s to 60 s.
func answered(victim string, change func(at time.Duration, o *history.Operation)) history.History {
	h := history.History{Marks: []history.Mark{
		{At: 10 * time.Second, Name: history.Injecting, Text: victim}, {At: 12 * time.Second, Name: history.Active, Text: victim},
		{At: 12 * time.Second, Name: outOfService, Text: "i-a"}, {At: 12 * time.Second, Name: scaledOut, Text: "i-b"},
		{At: 60 * time.Second, Name: history.Healing, Text: victim}, {At: 70 * time.Second, Name: history.Recovered, Text: victim},
	}}
	for n := range 1000 {
		at := time.Duration(n) * 100 * time.Millisecond
		o := history.Operation{Kind: history.Look, Start: at, End: at + time.Millisecond, Outcome: history.OK, Server: "i-a", Zone: "a", Node: "a"}
		if n%2 == 1 {
			o.Server, o.Zone = "i-b", "b"
		}
		if n%3 == 0 {
			o.Node = "b"
		}
		change(at, &o)
		h.Operations = append(h.Operations, o)
	}
	return h
}

func while(at, from, to time.Duration) bool { return at >= from*time.Second && at < to*time.Second }

func good(time.Duration, *history.Operation) {}

// byOther has the other server answer from when the victim was out of service.
func byOther(to time.Duration) func(time.Duration, *history.Operation) {
	return func(at time.Duration, o *history.Operation) {
		if while(at, 12, to) {
			o.Server, o.Zone = "i-b", "b"
		}
	}
}

func TestJudgements(t *testing.T) {
	const forGood = 1000
	for name, test := range map[string]struct {
		judge  func(context.Context, Stage, history.History) ([]check.Finding, error)
		victim string
		change func(time.Duration, *history.Operation)
		broken error
	}{
		"terminated":                 {ejectedForGood, "i-a", byOther(forGood), nil},
		"terminated, and answers":    {ejectedForGood, "i-a", byOther(90), check.ErrEjectedTraffic},
		"hung":                       {ejectedWhileHung, "i-a (hangs)", byOther(60), nil},
		"hung, and answers":          {ejectedWhileHung, "i-a (hangs)", byOther(40), check.ErrEjectedTraffic},
		"hung, and requests fail":    {ejectedWhileHung, "i-a (hangs)", failing(byOther(60), 30, 31), check.ErrErrorShare},
		"hung, and they fail before": {ejectedWhileHung, "i-a (hangs)", failing(byOther(60), 11, 19), nil},
		"bears it":                   {servedWhileActive, "i-a (disk)", good, nil},
		"does not bear it":           {servedWhileActive, "i-a (disk)", byOther(60), check.ErrNotServing},
		"all stay":                   {staying("i-a", "i-b"), "a", good, nil},
		"one is replaced":            {staying("i-b", "i-c"), "a", good, check.ErrReplaced},
		"one is added":               {staying("i-a", "i-b", "i-c"), "a", good, check.ErrReplaced},
		"one does not serve":         {staying("i-a", "i-b"), "a", byOther(60), check.ErrNotServing},
		"shifted":                    {shiftedAway, "a", byOther(60), nil},
		"shifted too short":          {shiftedAway, "a", byOther(50), check.ErrEjectedTraffic},
		"node lost":                  {otherNodesServe, "b (node)", failingThrough("b"), nil},
		"another node, too":          {otherNodesServe, "b (node)", failingThrough("a"), check.ErrErrorShare},
		"zone lost":                  {otherZonesServe, "b (power)", failingThrough("b"), nil},
		"others do not serve":        {otherZonesServe, "b (power)", failingThrough("a"), check.ErrErrorShare},
		"nobody asked the others":    {otherZonesServe, "b (power)", func(_ time.Duration, o *history.Operation) { o.Node = "b" }, check.ErrUnreliable},
		"carried":                    {othersCarry, "c (power)", good, nil},
		"not carried":                {othersCarry, "c (power)", failing(good, 40, 41), check.ErrOverload},
		"too little to carry":        {othersCarry, "a (power)", good, check.ErrUnreliable},
		"relieved":                   {relieved, "threshold", good, nil},
		"slow still":                 {relieved, "threshold", func(_ time.Duration, o *history.Operation) { o.End = o.Start + 2*time.Second }, check.ErrOverload},
		"added, and idle":            {relieved, "threshold", func(_ time.Duration, o *history.Operation) { o.Server = "i-a" }, check.ErrNotServing},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := test.judge(context.Background(), stage, answered(test.victim, test.change))
			require.NoError(t, err)
			if test.broken == nil {
				require.Empty(t, found)
				return
			}
			require.NotEmpty(t, found)
			for _, f := range found {
				require.ErrorIs(t, f, test.broken)
			}
		})
	}
}

// staying judges that both servers stayed, of which some are there afterwards.
func staying(now ...string) func(context.Context, Stage, history.History) ([]check.Finding, error) {
	return func(_ context.Context, _ Stage, h history.History) ([]check.Finding, error) {
		h.Marks = append(h.Marks, history.Mark{At: 9 * time.Second, Name: oldServers, Text: "i-a i-b"})
		return stayed(h, now), nil
	}
}

func failing(otherwise func(time.Duration, *history.Operation), from, to time.Duration) func(time.Duration, *history.Operation) {
	return func(at time.Duration, o *history.Operation) {
		otherwise(at, o)
		if while(at, from, to) {
			o.Outcome, o.Server = history.Failed, ""
		}
	}
}

func failingThrough(node string) func(time.Duration, *history.Operation) {
	return func(at time.Duration, o *history.Operation) {
		if o.Node == node && while(at, 10, 60) {
			o.Outcome, o.Server = history.Failed, ""
		}
	}
}
