package vpc

import (
	"fmt"
	"strings"
)

// declareArrival declares what happens to a packet before it is tracked and routed.
func (v *view) declareArrival(t *rulesetText) {
	for _, i := range v.placed() {
		if zone, ok := v.zoneIDs[i.ID]; ok {
			t.chain("zone_"+i.link(), fmt.Sprintf("ct zone set %d accept", zone))
		}
	}
	t.chain("zone", v.zoneRules()...)
	internet := []string{
		"ip saddr @vpc drop", // nobody outside has a private address
		"ip daddr != @private_of drop",
		"ip daddr set ip daddr map @private_of",
	}
	if edge := v.edgeTable(); edge != nil {
		internet = append(internet, fmt.Sprintf("meta mark set %d", v.tableIDs[edge.ID]))
	}
	t.chain("from_internet", append(internet, "goto zone")...)
	t.chain("arrival",
		"type filter hook prerouting priority -310; policy accept;",
		"iifname @mute drop",
		fmt.Sprintf("iifname %q goto from_internet", internetLink),
		fmt.Sprintf("iifname %q goto zone", servicesLink),
		"meta mark set iifname map @tables",
		"iifname @checked iifname . ip saddr != @own drop", // the source check
		"iifname != @attached drop",
		"goto zone")
}

// zoneRules choose the conntrack zone of a packet by the interfaces that it is between; where it is going is known
// from a look at the routes ("fib").
//
//   - between two hosts: one common zone, for both interfaces see the same packets
//   - between a host and a gateway or middlebox: the host's zone
//   - between a forwarding instance and a gateway: the instance's zone
//   - between middleboxes and gateways, which have no security groups: not tracked
func (v *view) zoneRules() []string {
	const going = "fib daddr . mark oifname"
	var hosts, forwarders, names []string
	for _, i := range v.placed() {
		_, tracked := v.zoneIDs[i.ID]
		switch entry := fmt.Sprintf("%q : goto zone_%s", i.link(), i.link()); {
		case !tracked:
		case i.forwards():
			forwarders = append(forwarders, entry)
		default:
			hosts = append(hosts, entry)
			names = append(names, fmt.Sprintf("%q", i.link()))
		}
	}
	var rules []string
	if len(hosts) > 0 {
		all := strings.Join(names, ", ")
		rules = append(rules, fmt.Sprintf("iifname { %s } %s { %s } ct zone set %d accept", all, going, all, pairZone))
	}
	for _, zones := range [][]string{hosts, forwarders} {
		if len(zones) == 0 {
			continue
		}
		all := strings.Join(zones, ", ")
		rules = append(rules,
			fmt.Sprintf("iifname vmap { %s }", all),
			fmt.Sprintf("%s vmap { %s }", going, all))
	}
	return append(rules, "notrack accept")
}
