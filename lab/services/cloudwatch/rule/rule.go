// Package rule reads and evaluates the rules of composite alarms
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html):
//
//	ALARM("cpu") AND (OK(arn:aws:cloudwatch:…:alarm:disk) OR NOT INSUFFICIENT_DATA(net)) AND AT_LEAST(2, ALARM, (a, b, c))
//
// The words are read in any case, as CloudWatch does; NOT binds closest, then AND, then OR.
package rule

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// MaxElements is how many alarms and constants one rule may have, MaxBytes how long it may be.
const (
	MaxElements = 500
	MaxBytes    = 10 * 1024
)

// States tells an alarm's state, by its name or ARN as the rule has it.
type States func(alarm string) types.StateValue

// Rule is a rule.
type Rule struct {
	root   node
	alarms []string
}

// Alarms returns the names and ARNs in the rule, each once, in the order in which they appear.
func (r *Rule) Alarms() []string { return r.alarms }

// Holds evaluates the rule.
func (r *Rule) Holds(states States) bool { return r.root.holds(states) }

// Deciding returns the alarms that are in the state that the rule asks of them: those that made it hold.
func (r *Rule) Deciding(states States) []string {
	found := map[string]bool{}
	r.root.deciding(states, found)
	var names []string
	for _, name := range r.alarms {
		if found[name] {
			names = append(names, name)
		}
	}
	return names
}

// node is a part of a rule.
type node interface {
	holds(states States) bool
	deciding(states States, found map[string]bool)
}

type constant bool

func (c constant) holds(States) bool                { return bool(c) }
func (c constant) deciding(States, map[string]bool) {}

// in is a state function: ALARM, OK or INSUFFICIENT_DATA.
type in struct {
	state types.StateValue
	alarm string
}

func (n in) holds(states States) bool { return states(n.alarm) == n.state }
func (n in) deciding(states States, found map[string]bool) {
	if n.holds(states) {
		found[n.alarm] = true
	}
}

type not struct{ of node }

func (n not) holds(states States) bool { return !n.of.holds(states) }

// An alarm that is not in a state decides by where it is: all alarms below count.
func (n not) deciding(states States, found map[string]bool) {
	if leaf, ok := n.of.(in); ok && n.holds(states) {
		found[leaf.alarm] = true
		return
	}
	n.of.deciding(states, found)
}

type both struct{ left, right node }

func (n both) holds(states States) bool { return n.left.holds(states) && n.right.holds(states) }
func (n both) deciding(states States, found map[string]bool) {
	n.left.deciding(states, found)
	n.right.deciding(states, found)
}

type either struct{ left, right node }

func (n either) holds(states States) bool { return n.left.holds(states) || n.right.holds(states) }
func (n either) deciding(states States, found map[string]bool) {
	for _, part := range []node{n.left, n.right} {
		if part.holds(states) {
			part.deciding(states, found)
		}
	}
}

// atLeast holds when so many of some alarms are, or are not, in a state.
type atLeast struct {
	count   int
	percent bool // count is a share in percent
	state   types.StateValue
	not     bool
	alarms  []string
}

func (n atLeast) matches(states States, alarm string) bool {
	return (states(alarm) == n.state) != n.not
}

func (n atLeast) holds(states States) bool {
	matching := 0
	for _, alarm := range n.alarms {
		if n.matches(states, alarm) {
			matching++
		}
	}
	if n.percent {
		return matching*100 >= n.count*len(n.alarms)
	}
	return matching >= n.count
}

func (n atLeast) deciding(states States, found map[string]bool) {
	for _, alarm := range n.alarms {
		if n.matches(states, alarm) {
			found[alarm] = true
		}
	}
}
