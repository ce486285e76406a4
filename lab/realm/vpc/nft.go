package vpc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// rulesetText collects the text of one nftables table, in the order in which nft wants to read it.
type rulesetText struct{ body strings.Builder }

func (t *rulesetText) line(format string, args ...any) {
	fmt.Fprintf(&t.body, format+"\n", args...)
}

// set declares a set or map. Without elements it is declared empty: nft knows no empty braces.
func (t *rulesetText) set(kind, name, typ, flags string, elements []string) {
	t.line("\t%s %s {\n\t\ttype %s", kind, name, typ)
	if flags != "" {
		t.line("\t\t%s", flags)
	}
	if len(elements) > 0 {
		sorted := slices.Compact(slices.Sorted(slices.Values(elements)))
		t.line("\t\telements = { %s }", strings.Join(sorted, ", "))
	}
	t.line("\t}")
}

// intervals declares a set of prefixes, which may overlap.
func (t *rulesetText) intervals(name string, prefixes []netip.Prefix) {
	var elements []string
	for _, p := range prefixes {
		elements = append(elements, p.Masked().String())
	}
	t.set("set", name, "ipv4_addr", "flags interval; auto-merge", elements)
}

func (t *rulesetText) chain(name string, rules ...string) {
	t.line("\tchain %s {", name)
	for _, r := range rules {
		t.line("\t\t%s", r)
	}
	t.line("\t}")
}

// String returns the whole ruleset: it replaces the table in one transaction, and connections that are tracked stay.
func (t *rulesetText) String() string {
	return "table ip haven\ndelete table ip haven\ntable ip haven {\n" + t.body.String() + "}\n"
}

// ports returns the match of a protocol with its destination ports, or of ICMP with its type and code, as security
// groups and network ACLs give them.
func ports(protocol, from, to int) string {
	switch protocol {
	case -1:
		return ""
	case 6, 17:
		name := map[int]string{6: "tcp", 17: "udp"}[protocol]
		if from < 0 || (from == 0 && to == 65535) {
			return fmt.Sprintf("ip protocol %d", protocol)
		}
		return fmt.Sprintf("%s dport %d-%d", name, from, to)
	case 1:
		match := "ip protocol 1"
		if from >= 0 {
			match += fmt.Sprintf(" icmp type %d", from)
			if to >= 0 {
				match += fmt.Sprintf(" icmp code %d", to)
			}
		}
		return match
	}
	return fmt.Sprintf("ip protocol %d", protocol)
}

// join puts the parts of a rule together, leaving out what is empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}
