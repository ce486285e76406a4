package fis

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// lastRule is the number of the rule that ends every network ACL, which nobody makes.
const lastRule = 32767

// without returns a network ACL's rules with denials of all traffic with some prefixes before them, each way.
func without(rules []ec2types.NetworkAclEntry, denied []netip.Prefix) []ec2types.NetworkAclEntry {
	denied = merged(denied)
	var out []ec2types.NetworkAclEntry
	for _, egress := range []bool{false, true} {
		for i, prefix := range denied {
			out = append(out, ec2types.NetworkAclEntry{
				RuleNumber: aws.Int32(int32(i + 1)), Egress: aws.Bool(egress), Protocol: aws.String("-1"), RuleAction: ec2types.RuleActionDeny, CidrBlock: aws.String(prefix.String()),
			})
		}
	}
	return append(out, renumbered(rules, int32(len(denied)), func(e ec2types.NetworkAclEntry) []ec2types.NetworkAclEntry { return []ec2types.NetworkAclEntry{e} })...)
}

// within returns a network ACL's rules as far as they are about some prefixes: whatever else there is meets the rule that
// ends every network ACL, and is denied.
func within(rules []ec2types.NetworkAclEntry, kept []netip.Prefix) []ec2types.NetworkAclEntry {
	return renumbered(rules, 0, func(e ec2types.NetworkAclEntry) (parts []ec2types.NetworkAclEntry) {
		of, err := netip.ParsePrefix(aws.ToString(e.CidrBlock))
		if err != nil {
			return nil
		}
		for _, prefix := range merged(kept) {
			if !prefix.Overlaps(of) {
				continue
			}
			part := e
			part.CidrBlock = aws.String(prefix.Masked().String())
			if of.Bits() > prefix.Bits() {
				part.CidrBlock = aws.String(of.Masked().String())
			}
			parts = append(parts, part)
		}
		return parts
	})
}

// renumbered gives rules numbers after those that are taken, in the order that they had.
func renumbered(rules []ec2types.NetworkAclEntry, taken int32, parts func(ec2types.NetworkAclEntry) []ec2types.NetworkAclEntry) []ec2types.NetworkAclEntry {
	ordered := slices.SortedFunc(slices.Values(rules), func(a, b ec2types.NetworkAclEntry) int { return int(*a.RuleNumber - *b.RuleNumber) })
	next := map[bool]int32{false: taken, true: taken}
	var out []ec2types.NetworkAclEntry
	for _, rule := range ordered {
		if *rule.RuleNumber == lastRule {
			continue
		}
		for _, part := range parts(rule) {
			next[*rule.Egress]++
			part.RuleNumber = aws.Int32(next[*rule.Egress])
			out = append(out, part)
		}
	}
	return out
}

// merged returns the least prefixes that cover just what the given ones do: a network ACL has room for twenty rules.
func merged(prefixes []netip.Prefix) []netip.Prefix {
	set := map[netip.Prefix]bool{}
	for _, prefix := range prefixes {
		set[prefix.Masked()] = true
	}
	for changed := true; changed; {
		changed = false
		for prefix := range set {
			for wider := range set {
				if prefix != wider && wider.Bits() < prefix.Bits() && wider.Contains(prefix.Addr()) {
					delete(set, prefix)
					changed = true
				}
			}
			if prefix.Bits() == 0 || !set[prefix] {
				continue
			}
			parent := netip.PrefixFrom(prefix.Addr(), prefix.Bits()-1).Masked()
			if sibling := siblingOf(prefix, parent); set[sibling] {
				delete(set, prefix)
				delete(set, sibling)
				set[parent], changed = true, true
			}
		}
	}
	var all []netip.Prefix
	for prefix := range set {
		all = append(all, prefix)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return all
}

// siblingOf returns the other half of a prefix's parent.
func siblingOf(prefix, parent netip.Prefix) netip.Prefix {
	if prefix.Addr() != parent.Addr() {
		return netip.PrefixFrom(parent.Addr(), prefix.Bits())
	}
	raw := parent.Addr().As4()
	bit := prefix.Bits() - 1
	raw[bit/8] |= 1 << (7 - bit%8)
	return netip.PrefixFrom(netip.AddrFrom4(raw), prefix.Bits())
}
