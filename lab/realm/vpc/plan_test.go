package vpc

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anySpec draws a VPC with up to four subnets, groups, ACLs and a dozen interfaces of any role.
func anySpec(t *rapid.T) Spec {
	v := VPC{ID: "vpc-" + rapid.StringMatching("[0-9a-f]{8}").Draw(t, "vpc"), CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}
	v.FlowLogs = rapid.Bool().Draw(t, "flow logs")
	if rapid.Bool().Draw(t, "gateway") {
		v.InternetGateway = "igw-1"
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "subnets") {
		v.Subnets = append(v.Subnets, Subnet{
			ID: fmt.Sprintf("subnet-%d", n), Zone: fmt.Sprintf("us-east-1%c", 'a'+n%2),
			CIDR:       netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n), 0}), 24),
			RouteTable: fmt.Sprintf("rtb-%d", rapid.IntRange(0, 3).Draw(t, "table")),
			NetworkACL: fmt.Sprintf("acl-%d", rapid.IntRange(0, 2).Draw(t, "acl")),
		})
	}
	for n := range rapid.IntRange(0, 3).Draw(t, "groups") {
		v.SecurityGroups = append(v.SecurityGroups, SecurityGroup{ID: fmt.Sprintf("sg-%d", n), Ingress: anyRules(t), Egress: anyRules(t)})
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "acls") {
		v.NetworkACLs = append(v.NetworkACLs, NetworkACL{ID: fmt.Sprintf("acl-%d", n), Ingress: anyEntries(t), Egress: anyEntries(t)})
	}
	v.PrefixLists = []PrefixList{{ID: "pl-1", Prefixes: []netip.Prefix{S3Range, netip.MustParsePrefix("198.19.254.0/25")}}}
	for n := range rapid.IntRange(0, 12).Draw(t, "interfaces") {
		v.Interfaces = append(v.Interfaces, anyInterface(t, n, len(v.Subnets)))
	}
	for n := range rapid.IntRange(0, 3).Draw(t, "tables") {
		v.RouteTables = append(v.RouteTables, RouteTable{ID: fmt.Sprintf("rtb-%d", n), Routes: anyRoutes(t)})
	}
	return Spec{VPCs: []VPC{v}}
}

func anyInterface(t *rapid.T, n, subnets int) Interface {
	subnet := rapid.IntRange(0, subnets-1).Draw(t, "subnet")
	i := Interface{
		ID: fmt.Sprintf("eni-%d", n), Subnet: fmt.Sprintf("subnet-%d", subnet),
		Role:     rapid.SampledFrom([]Role{RoleHost, RoleHost, RoleNAT, RoleFirewall, RoleEndpoint}).Draw(t, "role"),
		Address:  netip.AddrFrom4([4]byte{10, 0, byte(subnet), byte(10 + n)}),
		Forwards: rapid.Bool().Draw(t, "forwards"),
		Impairment: Impairment{
			Down: rapid.Bool().Draw(t, "down"), Rate: rapid.SampledFrom([]int64{0, 0, 64_000, 1_000_000_000}).Draw(t, "rate"),
		},
	}
	if rapid.Bool().Draw(t, "public") {
		i.Public = netip.AddrFrom4([4]byte{198, 18, 0, byte(n)})
	}
	for range rapid.IntRange(0, 2).Draw(t, "memberships") {
		i.SecurityGroups = append(i.SecurityGroups, fmt.Sprintf("sg-%d", rapid.IntRange(0, 3).Draw(t, "group")))
	}
	if i.Role == RoleFirewall && rapid.Bool().Draw(t, "policy") {
		i.Firewall = anyPolicy(t)
	}
	return i
}

func anyPolicy(t *rapid.T) *FirewallPolicy {
	p := &FirewallPolicy{DefaultDrop: rapid.Bool().Draw(t, "default")}
	if rapid.Bool().Draw(t, "names") {
		p.AllowDomains = []string{".example.com"}
	}
	for range rapid.IntRange(0, 4).Draw(t, "rules") {
		from := rapid.IntRange(-1, 100).Draw(t, "from")
		p.Rules = append(p.Rules, FirewallRule{
			Action:   rapid.SampledFrom([]string{"pass", "drop", "reject", "alert"}).Draw(t, "action"),
			Protocol: rapid.SampledFrom([]int{-1, 1, 6, 17}).Draw(t, "protocol"),
			Source:   anyPrefixes(t), Destination: anyPrefixes(t), FromPort: from, ToPort: from + 10,
			Content:     rapid.SampledFrom([]string{"", "", "bad"}).Draw(t, "content"),
			Application: rapid.SampledFrom([]string{"", "", "http", "tls"}).Draw(t, "application"),
		})
	}
	return p
}

func anyPrefixes(t *rapid.T) []netip.Prefix {
	return rapid.SliceOfN(rapid.Custom(anyPrefix), 0, 3).Draw(t, "prefixes")
}

func anyPrefix(t *rapid.T) netip.Prefix {
	return rapid.SampledFrom([]netip.Prefix{
		anywhere, netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("10.0.1.128/25"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("198.19.254.0/24"), netip.MustParsePrefix("2001:db8::/32"),
	}).Draw(t, "prefix")
}

func anyRules(t *rapid.T) []GroupRule {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) GroupRule {
		r := GroupRule{Protocol: rapid.SampledFrom([]int{-1, 1, 6, 17, 50}).Draw(t, "protocol")}
		r.FromPort = rapid.IntRange(-1, 20).Draw(t, "from")
		r.ToPort = max(r.FromPort, r.FromPort+rapid.IntRange(0, 10).Draw(t, "more"))
		switch rapid.IntRange(0, 2).Draw(t, "peer") {
		case 0:
			r.CIDR = anyPrefix(t)
		case 1:
			r.Group = fmt.Sprintf("sg-%d", rapid.IntRange(0, 3).Draw(t, "group"))
		default:
			r.PrefixList = rapid.SampledFrom([]string{"pl-1", "pl-none"}).Draw(t, "list")
		}
		return r
	}), 0, 4).Draw(t, "rules")
}

func anyEntries(t *rapid.T) []ACLEntry {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ACLEntry {
		from := rapid.IntRange(-1, 20).Draw(t, "from")
		return ACLEntry{
			Protocol: rapid.SampledFrom([]int{-1, 1, 6, 17}).Draw(t, "protocol"), CIDR: anyPrefix(t),
			FromPort: from, ToPort: from + 5, Allow: rapid.Bool().Draw(t, "allow"),
		}
	}), 0, 4).Draw(t, "entries")
}

func anyRoutes(t *rapid.T) []Route {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Route {
		r := Route{Target: Target{
			Kind: rapid.SampledFrom([]TargetKind{TargetInternetGateway, TargetNATGateway, TargetFirewallEndpoint, TargetGatewayEndpoint, TargetInterface, TargetBlackhole}).Draw(t, "kind"),
			ID:   fmt.Sprintf("eni-%d", rapid.IntRange(0, 12).Draw(t, "target")),
		}}
		if r.Target.Kind == TargetInternetGateway {
			r.Target.ID = "igw-1"
		}
		if r.Target.Kind == TargetGatewayEndpoint {
			r.PrefixList = "pl-1"
			return r
		}
		r.Destination = rapid.SampledFrom([]netip.Prefix{anywhere, netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("198.19.254.0/24")}).Draw(t, "destination")
		return r
	}), 0, 4).Draw(t, "routes")
}

func TestPlansAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec(t)
		require.NoError(t, spec.check())
		p := newPlan(spec)
		spaces := map[string]space{}
		for _, s := range p.Spaces {
			require.NotContains(t, spaces, s.Name)
			spaces[s.Name] = s
		}
		ends := map[string]bool{"lo": true}
		for _, l := range p.Links {
			for _, e := range []end{l.Near, l.Far} {
				require.Contains(t, spaces, e.Space)
				require.LessOrEqual(t, len(e.Name), 15)
				require.False(t, ends[e.Space+" "+e.Name], "two links of one name")
				ends[e.Space+" "+e.Name] = true
			}
			require.NotEqual(t, l.Near.MAC, l.Far.MAC)
		}
		for _, s := range p.Spaces {
			has := func(link string) bool { return link == "lo" || link == "" || ends[s.Name+" "+link] }
			keys := map[routeKey]bool{}
			for _, r := range s.Routes {
				require.True(t, has(r.Link) || r.Link == servicesLink, "route by %s of %s", r.Link, s.Name)
				require.False(t, keys[r.key()], "two routes to %s", r.Destination)
				keys[r.key()] = true
			}
			for _, a := range s.Addresses {
				require.True(t, has(a.Link))
			}
			for _, n := range s.Neighbours {
				require.True(t, has(n.Link))
			}
		}
	})
}

func TestPlansDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec(t)
		want := newPlan(spec)
		shuffled := Spec{VPCs: slices.Clone(spec.VPCs)}
		v := &shuffled.VPCs[0]
		v.Interfaces = shuffle(v.Interfaces)
		v.RouteTables = shuffle(v.RouteTables)
		v.SecurityGroups = shuffle(v.SecurityGroups)
		v.NetworkACLs = shuffle(v.NetworkACLs)
		v.Subnets = shuffle(v.Subnets)
		got := newPlan(shuffled)
		require.Equal(t, want.Links, got.Links)
		for n := range want.Spaces {
			require.Equal(t, want.Spaces[n].Ruleset, got.Spaces[n].Ruleset)
			require.ElementsMatch(t, want.Spaces[n].Routes, got.Spaces[n].Routes)
			require.ElementsMatch(t, want.Spaces[n].Rules, got.Spaces[n].Rules)
		}
	})
}

func shuffle[T any](all []T) []T {
	mixed := slices.Clone(all)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return mixed
}

func TestAnotherInterfaceChangesOnlyTheRouterAndTheInternet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := anySpec(t)
		before := newPlan(spec)
		more := Spec{VPCs: slices.Clone(spec.VPCs)}
		more.VPCs[0].Interfaces = append(slices.Clone(spec.VPCs[0].Interfaces), Interface{
			ID: "eni-more", Subnet: "subnet-0", Role: RoleHost, Address: netip.MustParseAddr("10.0.0.200"),
		})
		after := newPlan(more)
		require.Subset(t, after.Links, before.Links)
		require.Len(t, after.Links, len(before.Links)+1)
		for _, s := range before.Spaces {
			n := slices.IndexFunc(after.Spaces, func(a space) bool { return a.Name == s.Name })
			require.GreaterOrEqual(t, n, 0)
			require.Subset(t, after.Spaces[n].Routes, s.Routes, "routes of %s", s.Name)
			if s.Name != spec.VPCs[0].ID && s.Name != internetSpace {
				require.Equal(t, s, after.Spaces[n])
			}
		}
	})
}

func TestNumbersHardlyChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.StringMatching("rtb-[0-9a-f]{17}"), 1, 40, rapid.ID).Draw(t, "ids")
		given := numbers(ids, 1000, 1<<20)
		seen := map[int]bool{}
		for _, n := range given {
			require.False(t, seen[n])
			require.True(t, n >= 1000 && n < 1000+1<<20)
			seen[n] = true
		}
		for id, n := range numbers(ids[1:], 1000, 1<<20) {
			require.Equal(t, given[id], n)
		}
	})
	require.Panics(t, func() { numbers([]string{"a", "b", "c"}, 0, 2) })
	require.Len(t, numbers([]string{"a", "b", "c"}, 0, 3), 3)
}

func TestTheLongestPrefixWinsAndStaticRoutesBeatLists(t *testing.T) {
	spec := twoZones()
	v := &spec.VPCs[0]
	table := &RouteTable{ID: "rtb-x", Routes: []Route{
		{Destination: anywhere, Target: Target{TargetNATGateway, "eni-nat-a"}},
		{PrefixList: "pl-s3", Target: Target{TargetGatewayEndpoint, "vpce-s3"}},
		{Destination: netip.MustParsePrefix("10.0.21.0/24"), Target: Target{TargetFirewallEndpoint, "eni-firewall-a"}},
		{Destination: netip.MustParsePrefix("10.0.0.0/16"), Target: Target{Kind: "local"}},
		{Destination: netip.MustParsePrefix("192.0.2.0/24"), Target: Target{TargetNATGateway, "eni-gone"}},
	}}
	routes := map[string]route{}
	for _, r := range newView(v).tableRoutes(table, 7) {
		require.Equal(t, 7, r.Table)
		routes[r.Destination.String()] = r
	}
	require.Len(t, routes, 5)
	require.Equal(t, newView(v).interfaces["eni-nat-a"].link(), routes["0.0.0.0/0"].Link)
	require.Equal(t, servicesLink, routes[S3Range.String()].Link)
	require.Equal(t, netip.MustParseAddr("10.0.0.10"), routes["10.0.21.0/24"].Via)
	require.Equal(t, routeThrow, routes["10.0.0.0/16"].Kind)
	require.Equal(t, routeBlackhole, routes["192.0.2.0/24"].Kind)

	table.Routes = append(table.Routes, Route{Destination: S3Range, Target: Target{Kind: TargetBlackhole}})
	for _, r := range newView(v).tableRoutes(table, 7) {
		if r.Destination == S3Range {
			require.Equal(t, routeBlackhole, r.Kind)
		}
	}
}

func TestSpecsThatContradictThemselvesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*VPC){
		"the same interface twice": func(v *VPC) { v.Interfaces[1].ID = v.Interfaces[0].ID },
		"the same address twice":   func(v *VPC) { v.Interfaces[1].Address = v.Interfaces[0].Address },
		"the same public address": func(v *VPC) {
			v.Interfaces[1].Public, v.Interfaces[2].Public = netip.MustParseAddr("198.18.0.9"), netip.MustParseAddr("198.18.0.9")
		},
		"a subnet that is not there":    func(v *VPC) { v.Interfaces[0].Subnet = "subnet-gone" },
		"an address outside its subnet": func(v *VPC) { v.Interfaces[0].Address = netip.MustParseAddr("10.9.9.9") },
		"no id":                         func(v *VPC) { v.ID = "" },
	} {
		spec := twoSubnets()
		require.NoError(t, spec.check())
		change(&spec.VPCs[0])
		require.Error(t, spec.check(), name)
	}
}

// TestTheKernelAcceptsEveryRuleset loads the rulesets of random plans.
func TestTheKernelAcceptsEveryRuleset(t *testing.T) {
	n := newNetwork(t, Options{})
	apply(t, n, Spec{})
	loaded := 0
	rapid.Check(t, func(rt *rapid.T) {
		if loaded >= 60 {
			return // each takes nft some milliseconds
		}
		for _, s := range newPlan(anySpec(rt)).Spaces {
			if s.Ruleset != "" {
				loaded++
				require.NoError(rt, n.Internet().Nft(t.Context(), s.Ruleset), s.Ruleset)
			}
		}
	})
	require.Error(t, n.Internet().Nft(t.Context(), strings.ReplaceAll(firewallRuleset(&firewallPlan{}), "counter", "kounter")))
}
