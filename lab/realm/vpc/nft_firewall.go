package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// firewallRuleset translates a policy. New connections that have to be looked into are steered to the proxy, which
// sits between both ends with their own addresses; the others are decided in the forward chain. Connections are
// tracked strictly: what the endpoint has not seen from its first packet on is dropped, so a connection whose ways
// there and back differ breaks, as behind AWS's endpoints
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/asymmetric-routing.html).
// Changed rules apply to new connections
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-policy-updating.html).
func firewallRuleset(plan *firewallPlan) string {
	t := &rulesetText{}
	t.intervals("home", plan.Policy.HomeNet)
	for _, name := range []string{countReceived, countDropped, countRejected} {
		t.line("\tcounter %s {}", name)
	}
	const first = "tcp flags & (fin|syn|rst|ack) == syn "
	steer := []string{"type filter hook prerouting priority -310; policy accept;", `iifname != "lo" counter name ` + countReceived}
	if plan.Proxied {
		t.chain("choose", chooseRules(&plan.Policy)...)
		steer = append(steer, first+"jump choose")
	}
	// A first packet may match what is left of an earlier connection with the same ports: only later ones are matched
	// with sockets.
	t.chain("steer", append(steer, first+"accept", fmt.Sprintf("socket transparent 1 meta mark set %d notrack accept", proxyMark))...)
	t.chain("input", "type filter hook input priority 0; policy drop;", fmt.Sprintf("meta mark %d accept", proxyMark))
	t.chain("own", "type filter hook output priority -310; policy accept;", "notrack")
	t.chain("forward", slices.Concat([]string{
		"type filter hook forward priority 0; policy accept;",
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
	toProxy := fmt.Sprintf("tproxy to %s meta mark set %d notrack accept", proxyAddress, proxyMark)
	forbidden := fmt.Sprintf("meta mark %d ", lookMark)
	var rules []string
	for _, r := range p.Rules {
		match, ok := r.match()
		switch {
		case !ok || (r.Protocol != 6 && r.Protocol != -1):
		case r.inspects() && r.Action == "pass":
			rules = append(rules, join(match, "ip protocol tcp", toProxy))
		case r.inspects():
			rules = append(rules, join(match, fmt.Sprintf("meta mark set %d", lookMark)))
		case r.Action == "pass":
			rules = append(rules, join(match, "ip protocol tcp", forbidden+toProxy), join(match, "return"))
		case r.decides():
			rules = append(rules, join(match, "return"))
		}
	}
	if len(p.AllowDomains) > 0 {
		rules = append(rules, join("ip saddr @home ip daddr != @home tcp dport { 80, 443 }", toProxy))
	}
	if !p.DefaultDrop {
		rules = append(rules, "ip protocol tcp "+forbidden+toProxy)
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
