package vpc

import "slices"

// firewallPlan is a firewall endpoint as its inspector and its log reader see it.
type firewallPlan struct {
	Endpoint string
	Policy   FirewallPolicy // with HomeNet filled in
	Inspects bool           // some connections have to be looked into
}

// Marks of connections that are looked into, or were. Packets on their way to the inspector's device have lookMark.
const (
	lookMark     = 1 // the client's packets go to the inspector
	passedMark   = 2
	droppedMark  = 3
	rejectedMark = 4

	contentMark  = 2 // of a packet, while rules are gone through: a rule's content may forbid it
	lookPriority = 50
	logGroup     = 1
)

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
	s.Firewall = &firewallPlan{Endpoint: i.ID, Policy: policy, Inspects: policy.looksInside()}
	s.Ruleset = firewallRuleset(s.Firewall)
	// This stays when the policy changes: connections that are being looked into go on.
	s.Rules = append(s.Rules, rule{Priority: lookPriority, Mark: lookMark, Table: lookTable})
}

// looksInside tells whether a decision needs the bytes of a connection.
func (p *FirewallPolicy) looksInside() bool {
	return len(p.AllowDomains) > 0 || slices.ContainsFunc(p.Rules, FirewallRule.inspects)
}

// inspects tells whether the rule needs the bytes of a connection: the lab looks into TCP only.
func (r FirewallRule) inspects() bool { return r.Content != "" || r.Application != "" }

func (r FirewallRule) decides() bool { return r.Action != "alert" }
