package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// firewallRuleset translates a policy. A new connection that has to be looked into is marked, and its client's packets
// are led to the inspector's device until the inspector has marked it otherwise; the others are decided in the forward
// chain. Connections are tracked strictly: what the endpoint has not seen from its first packet on is dropped, so a
// connection whose ways there and back differ breaks, as behind AWS's endpoints
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html).
// Changed rules apply to new connections
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-updating.html).
func firewallRuleset(plan *firewallPlan) string {
	t := &rulesetText{}
	t.intervals("home", plan.Policy.HomeNet)
	for _, name := range []string{countReceived, countDropped, countRejected} {
		t.line("\tcounter %s {}", name)
	}
	steer := []string{
		"type filter hook prerouting priority -150; policy accept;", // its connection is known by then
		fmt.Sprintf("iifname %q accept", lookLink),
		`iifname != "lo" counter name ` + countReceived,
	}
	if plan.Inspects {
		t.chain("choose", chooseRules(&plan.Policy)...)
		steer = append(steer, fmt.Sprintf("ct state new ct mark != %d tcp flags & (fin|syn|rst|ack) == syn jump choose", lookMark))
	}
	t.chain("steer", append(steer, fmt.Sprintf("ct mark %d ct direction original meta mark set %d accept", lookMark, lookMark))...)
	t.chain("input", "type filter hook input priority 0; policy drop;")
	// A reset that the endpoint sends must not end what it knows of the connection: the other end may still say something.
	t.chain("own", "type filter hook output priority -310; policy accept;", "notrack")
	t.chain("forward", slices.Concat([]string{
		"type filter hook forward priority 0; policy accept;",
		fmt.Sprintf("meta mark %d oifname != %q drop", lookMark, lookLink), // nobody looks
		fmt.Sprintf("ct mark %d %s", droppedMark, drops),
		fmt.Sprintf("ct mark %d tcp flags & rst == 0 %s", rejectedMark, rejects),
		fmt.Sprintf("ct mark { %d, %d } accept", lookMark, passedMark),
		"ct state established,related counter accept",
	}, strangerRules(plan.Policy.StreamException), forwardRules(&plan.Policy))...)
	return t.String()
}

// strangerRules are for packets of connections whose beginning the endpoint has not seen.
func strangerRules(policy StreamException) []string {
	log := fmt.Sprintf(`ct state invalid limit rate 50/second log prefix "%s" group %d snaplen 80`, prefixUntracked, logGroup)
	switch policy {
	case StreamContinue:
		return nil
	case StreamReject:
		return []string{log, "ct state invalid tcp flags & rst == 0 " + rejects, "ct state invalid " + drops}
	}
	return []string{log, "ct state invalid " + drops}
}

// What becomes of packets that may not pass. They are counted by what was done with them.
const (
	countReceived = "received"
	countDropped  = "dropped"
	countRejected = "rejected"

	drops   = "counter name " + countDropped + " drop"
	rejects = "counter name " + countRejected + " reject with tcp reset"
)

// Prefixes of log entries: the index of the rule, or one of these.
const (
	prefixUntracked = "untracked"
	prefixDefault   = "default"
)

// chooseRules find the new connections that have to be looked into: those that would pass, unless a content forbids
// it, and those that a content or a name may let through. A mark tells that there was a rule with a content before.
func chooseRules(p *FirewallPolicy) []string {
	look := fmt.Sprintf("ct mark set %d return", lookMark)
	forbidden := fmt.Sprintf("meta mark %d ", contentMark)
	var rules []string
	for _, r := range p.Rules {
		match, ok := r.match()
		switch {
		case !ok || (r.Protocol != 6 && r.Protocol != -1):
		case r.inspects() && r.Action == "pass":
			rules = append(rules, join(match, "ip protocol tcp", look))
		case r.inspects():
			rules = append(rules, join(match, fmt.Sprintf("meta mark set %d", contentMark)))
		case r.Action == "pass":
			rules = append(rules, join(match, "ip protocol tcp", forbidden+look), join(match, "return"))
		case r.decides():
			rules = append(rules, join(match, "return"))
		}
	}
	if len(p.AllowDomains) > 0 {
		rules = append(rules, join("ip saddr @home ip daddr != @home tcp dport { 80, 443 }", look))
	}
	if !p.DefaultDrop {
		rules = append(rules, "ip protocol tcp "+forbidden+look)
	}
	return rules
}

func forwardRules(p *FirewallPolicy) []string {
	var rules []string
	for n, r := range p.Rules {
		match, ok := r.match()
		if !ok || r.inspects() {
			continue
		}
		log := fmt.Sprintf(`log prefix "%d" group %d snaplen 80`, n, logGroup)
		switch r.Action {
		case "pass":
			rules = append(rules, join(match, "counter accept"))
		case "alert":
			rules = append(rules, join(match, log))
		case "reject":
			rules = append(rules, join(match, "ip protocol tcp", log, rejects), join(match, log, drops))
		default:
			rules = append(rules, join(match, log, drops))
		}
	}
	if p.DefaultDrop {
		rules = append(rules, fmt.Sprintf(`log prefix "%s" group %d snaplen 80 `, prefixDefault, logGroup)+drops)
	}
	return append(rules, "counter accept")
}

// match returns the five-tuple match of a rule, and whether anything can match it.
func (r FirewallRule) match() (string, bool) {
	source, okSource := anyOf("saddr", r.Source)
	destination, okDestination := anyOf("daddr", r.Destination)
	return join(source, destination, ports(r.Protocol, r.FromPort, r.ToPort)), okSource && okDestination
}

// anyOf matches an address against prefixes; none: any.
func anyOf(field string, prefixes []netip.Prefix) (string, bool) {
	if len(prefixes) == 0 {
		return "", true
	}
	var texts []string
	for _, p := range merged(prefixes) {
		if p.Bits() == 0 {
			return "", true
		}
		texts = append(texts, p.String())
	}
	return fmt.Sprintf("ip %s { %s }", field, strings.Join(texts, ", ")), len(texts) > 0
}

// merged returns the IPv4 prefixes without those inside another: a set's elements must not overlap.
func merged(prefixes []netip.Prefix) []netip.Prefix {
	var sorted, kept []netip.Prefix
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Is4() {
			sorted = append(sorted, p.Masked())
		}
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
	for _, p := range sorted {
		if !slices.ContainsFunc(kept, func(k netip.Prefix) bool { return k.Overlaps(p) }) {
			kept = append(kept, p)
		}
	}
	return kept
}
