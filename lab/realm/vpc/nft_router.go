package vpc

import (
	"fmt"
	"net/netip"
	"slices"
)

// The router's ruleset. Packets pass these chains in order:
//
//	arrival   (prerouting, before conntrack) drops what is severed or spoofed; translates public to private addresses;
//	          picks the route table by where the packet came from; picks the conntrack zone
//	check     (forward) the source/destination check, and that only what has a public address leaves for the internet
//	out, in   security groups of the sending and of the receiving interface: stateful
//	leave, arrive  network ACLs of both subnets, only between subnets: stateless
//	departure (postrouting, after conntrack) translates private to public addresses
//
// A connection crosses the router several times when it passes a firewall endpoint or a NAT gateway, and each
// interface must track it by itself, as in AWS. So every interface with security groups has a conntrack zone of its
// own; see zoneRules.
func (v *view) routerRuleset() string {
	t := &rulesetText{}
	v.declareInterfaces(t)
	v.declareFilters(t)
	v.declareArrival(t)
	t.chain("check",
		"type filter hook forward priority -10; policy accept;",
		fmt.Sprintf(`oifname %q ip saddr != @public_of drop`, internetLink),
		"oifname @deaf drop",
		"oifname @checked oifname . ip daddr != @own drop")
	t.chain("out", "type filter hook forward priority 0; policy accept;",
		"ct state established,related accept", "iifname vmap @out_of")
	t.chain("leave", "type filter hook forward priority 10; policy accept;", "iifname vmap @leaving")
	t.chain("arrive", "type filter hook forward priority 20; policy accept;", "oifname vmap @arriving")
	t.chain("in", "type filter hook forward priority 30; policy accept;",
		"ct state established,related accept", "oifname vmap @in_to")
	t.chain("input", "type filter hook input priority 0; policy drop;")                           // the router itself answers nothing
	t.chain("errors", "type filter hook output priority 0; policy accept;", "oifname @deaf drop") // but to what expires here
	t.chain("departure", "type filter hook postrouting priority 300; policy accept;",
		fmt.Sprintf("oifname %q ip saddr set ip saddr map @public_of", internetLink))
	return t.String()
}

// declareInterfaces declares which interface has what: addresses, route tables, whether it is checked or severed.
func (v *view) declareInterfaces(t *rulesetText) {
	var own, attached, checked, mute, deaf, tables, publicOf, privateOf []string
	for _, i := range v.placed() {
		own = append(own, fmt.Sprintf("%q . %s", i.link(), i.Address))
		attached = append(attached, fmt.Sprintf("%q", i.link()))
		if !i.forwards() {
			checked = append(checked, fmt.Sprintf("%q", i.link()))
		}
		if i.Down || i.Mute {
			mute = append(mute, fmt.Sprintf("%q", i.link()))
		}
		if i.Down || i.Deaf {
			deaf = append(deaf, fmt.Sprintf("%q", i.link()))
		}
		if id, ok := v.tableIDs[v.subnets[i.Subnet].RouteTable]; ok {
			tables = append(tables, fmt.Sprintf("%q : %d", i.link(), id))
		}
		if i.Public.IsValid() {
			publicOf = append(publicOf, fmt.Sprintf("%s : %s", i.Address, i.Public))
			privateOf = append(privateOf, fmt.Sprintf("%s : %s", i.Public, i.Address))
		}
	}
	t.set("set", "own", "ifname . ipv4_addr", "", own)
	t.set("set", "attached", "ifname", "", attached)
	t.set("set", "checked", "ifname", "", checked)
	t.set("set", "mute", "ifname", "", mute)
	t.set("set", "deaf", "ifname", "", deaf)
	t.set("map", "tables", "ifname : mark", "", tables)
	t.set("map", "public_of", "ipv4_addr : ipv4_addr", "", publicOf)
	t.set("map", "private_of", "ipv4_addr : ipv4_addr", "", privateOf)
	t.intervals("vpc", v.CIDRs)
}

// declareFilters declares the security groups and network ACLs, and which interface has which.
func (v *view) declareFilters(t *rulesetText) {
	for _, l := range sortedBy(v.lists) {
		t.intervals("list_"+identifier(l.ID), l.Prefixes)
	}
	v.declareMembers(t)
	for _, g := range sortedBy(v.groups) {
		v.declareGroup(t, g)
	}
	for _, a := range sortedBy(v.acls) {
		t.chain("acl_out_"+identifier(a.ID), aclRules(a.Egress, "daddr", v.drop(prefixRejectOut))...)
		t.chain("acl_in_"+identifier(a.ID), aclRules(a.Ingress, "saddr", v.drop(prefixRejectIn))...)
	}
	var outOf, inTo, leaving, arriving []string
	for _, i := range v.placed() {
		name := i.link()
		if len(i.SecurityGroups) > 0 {
			t.chain("out_"+name, append(v.groupJumps(i, "out"), v.drop(prefixRejectOut))...)
			t.chain("in_"+name, append(v.groupJumps(i, "in"), v.drop(prefixRejectIn))...)
			outOf = append(outOf, fmt.Sprintf("%q : goto out_%s", name, name))
			inTo = append(inTo, fmt.Sprintf("%q : goto in_%s", name, name))
		}
		if v.acls[v.subnets[i.Subnet].NetworkACL] != nil {
			leaving = append(leaving, fmt.Sprintf("%q : goto leave_%s", name, identifier(i.Subnet)))
			arriving = append(arriving, fmt.Sprintf("%q : goto arrive_%s", name, identifier(i.Subnet)))
		}
	}
	v.declareSubnets(t)
	t.set("map", "out_of", "ifname : verdict", "", outOf)
	t.set("map", "in_to", "ifname : verdict", "", inTo)
	t.set("map", "leaving", "ifname : verdict", "", leaving)
	t.set("map", "arriving", "ifname : verdict", "", arriving)
}

// declareMembers declares each group's members, by link and address: what a middlebox forwarded does not match a
// reference to a group (https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).
func (v *view) declareMembers(t *rulesetText) {
	members := map[string][]string{}
	for _, i := range v.placed() {
		for _, g := range i.SecurityGroups {
			members[g] = append(members[g], fmt.Sprintf("%q . %s", i.link(), i.Address))
		}
	}
	for _, g := range sortedBy(v.groups) {
		t.set("set", "members_"+identifier(g.ID), "ifname . ipv4_addr", "", members[g.ID])
	}
}

func (v *view) declareGroup(t *rulesetText, g *SecurityGroup) {
	t.chain("group_out_"+identifier(g.ID), v.groupRules(g.Egress, "daddr", "oifname . ip daddr")...)
	t.chain("group_in_"+identifier(g.ID), v.groupRules(g.Ingress, "saddr", "iifname . ip saddr")...)
}

// groupRules translates rules; a reference to what is not there matches nothing.
func (v *view) groupRules(rules []GroupRule, peer, member string) []string {
	var out []string
	for _, r := range rules {
		var match string
		switch {
		case r.Group != "":
			if v.groups[r.Group] == nil {
				continue
			}
			match = member + " @members_" + identifier(r.Group)
		case r.PrefixList != "":
			if v.lists[r.PrefixList] == nil {
				continue
			}
			match = "ip " + peer + " @list_" + identifier(r.PrefixList)
		default:
			match = cidrMatch(r.CIDR, peer)
			if match == never {
				continue
			}
		}
		out = append(out, join(match, ports(r.Protocol, r.FromPort, r.ToPort), "accept"))
	}
	return out
}

// never is the match of an IPv6 or missing prefix: the lab's networks carry IPv4.
const never = "never"

func cidrMatch(p netip.Prefix, peer string) string {
	switch {
	case !p.IsValid() || !p.Addr().Is4():
		return never
	case p.Bits() == 0:
		return ""
	}
	return "ip " + peer + " " + p.Masked().String()
}

func (v *view) groupJumps(i *Interface, direction string) []string {
	var jumps []string
	for _, g := range slices.Compact(slices.Sorted(slices.Values(i.SecurityGroups))) {
		if v.groups[g] != nil {
			jumps = append(jumps, fmt.Sprintf("jump group_%s_%s", direction, identifier(g)))
		}
	}
	return jumps
}

// drop returns the verdict of a filter that lets nothing more through: it is told to the meter, if there is one.
func (v *view) drop(prefix string) string {
	if !v.FlowLogs {
		return "drop"
	}
	return fmt.Sprintf("log prefix %q group %d snaplen 64 drop", prefix, rejectGroup)
}

func aclRules(entries []ACLEntry, peer, drop string) []string {
	var out []string
	for _, e := range entries {
		match := cidrMatch(e.CIDR, peer)
		if match == never {
			continue
		}
		verdict := drop
		if e.Allow {
			verdict = "accept"
		}
		out = append(out, join(match, ports(e.Protocol, e.FromPort, e.ToPort), verdict))
	}
	return append(out, drop)
}

// declareSubnets declares each subnet's boundary: its ACL sees what comes from or goes to another subnet.
func (v *view) declareSubnets(t *rulesetText) {
	links := map[string][]string{}
	for _, i := range v.placed() {
		links[i.Subnet] = append(links[i.Subnet], fmt.Sprintf("%q", i.link()))
	}
	for _, s := range sortedBy(v.subnets) {
		if v.acls[s.NetworkACL] == nil {
			continue
		}
		id, acl := identifier(s.ID), identifier(s.NetworkACL)
		t.set("set", "links_"+id, "ifname", "", links[s.ID])
		t.chain("leave_"+id, fmt.Sprintf("oifname @links_%s accept", id), "goto acl_out_"+acl)
		t.chain("arrive_"+id, fmt.Sprintf("iifname @links_%s accept", id), "goto acl_in_"+acl)
	}
}

// sortedBy returns a map's values in the order of its keys.
func sortedBy[T any](m map[string]*T) []*T {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	all := make([]*T, len(keys))
	for n, k := range keys {
		all[n] = m[k]
	}
	return all
}
