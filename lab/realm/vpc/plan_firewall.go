package vpc

import (
	"net/netip"
	"slices"
)

// firewallPlan is a firewall endpoint as its proxy and its log reader see it.
type firewallPlan struct {
	Endpoint string
	Policy   FirewallPolicy // with HomeNet filled in
	Proxied  bool           // some connections have to be looked into
}

const (
	proxyMark     = 1 // deliver to the proxy
	lookMark      = 2 // a rule's content may forbid it
	proxyPriority = 50
	logGroup      = 1
)

// proxyAddress is where the proxy listens inside a firewall endpoint's namespace.
var proxyAddress = netip.MustParseAddrPort("127.0.0.1:50443")

// addFirewall adds what makes the namespace a firewall endpoint. HomeNet is the VPC's ranges unless the policy says
// otherwise, as HOME_NET is
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/suricata-examples.html). Without a policy
// nothing passes.
func (v *view) addFirewall(s *space, i *Interface) {
	policy := FirewallPolicy{Rules: []FirewallRule{{Action: "drop", Protocol: -1, FromPort: -1, ToPort: -1}}}
	if i.Firewall != nil {
		policy = *i.Firewall
	}
	if len(policy.HomeNet) == 0 {
		policy.HomeNet = slices.Clone(v.CIDRs)
	}
	s.Sysctls = append(s.Sysctls, sysctl{"net/ipv4/tcp_tw_reuse", "1"}) // the proxy has its clients' ports
	s.Firewall = &firewallPlan{Endpoint: i.ID, Policy: policy, Proxied: policy.looksInside()}
	s.Ruleset = firewallRuleset(s.Firewall)
	// What is marked is delivered to the proxy, whatever its address. This stays when the policy changes: connections
	// that the proxy carries go on.
	s.Rules = append(s.Rules, rule{Priority: proxyPriority, Mark: proxyMark, Table: proxyTable})
	s.Routes = append(s.Routes, route{Table: proxyTable, Kind: routeLocal, Destination: everything, Link: "lo"})
}

// looksInside tells whether a decision needs the bytes of a connection.
func (p *FirewallPolicy) looksInside() bool {
	return len(p.AllowDomains) > 0 || slices.ContainsFunc(p.Rules, FirewallRule.inspects)
}

// inspects tells whether the rule needs the bytes of a connection: the lab looks into TCP only.
func (r FirewallRule) inspects() bool { return r.Content != "" || r.Application != "" }

func (r FirewallRule) decides() bool { return r.Action != "alert" }
