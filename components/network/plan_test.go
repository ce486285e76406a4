package network_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/components/network"
	"haven/components/zones"
)

// anyPlan draws a legal plan.
func anyPlan(t *rapid.T) *network.Plan {
	plan, err := network.NewPlan(anyVPC(t), anyZones(t))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func anyVPC(t *rapid.T) string {
	bits := rapid.IntRange(16, 18).Draw(t, "bits")
	second, third := rapid.IntRange(0, 255).Draw(t, "second"), rapid.IntRange(0, 255).Draw(t, "third")
	address := netip.AddrFrom4([4]byte{10, byte(second), byte(third), 0})
	return netip.PrefixFrom(address, bits).Masked().String()
}

func anyZones(t *rapid.T) []zones.Zone {
	letters := rapid.SliceOfNDistinct(rapid.SampledFrom(zones.First(8)), 2, 4, rapid.ID[string]).Draw(t, "letters")
	spread, err := zones.Plan("us-east-1", letters)
	if err != nil {
		t.Fatal(err)
	}
	return spread
}

func TestSubnetsNeverOverlapAndAreInsideTheVPC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := anyPlan(t)
		for i, one := range plan.Subnets {
			if !plan.VPC.Contains(one.CIDR.Addr()) || one.CIDR.Bits() < plan.VPC.Bits() || one.CIDR.Masked() != one.CIDR {
				t.Fatalf("%s %s is not a block inside %s", one.Name, one.CIDR, plan.VPC)
			}
			if one.CIDR.Bits() > 28 {
				t.Fatalf("%s %s is smaller than AWS allows", one.Name, one.CIDR)
			}
			for _, other := range plan.Subnets[i+1:] {
				if one.CIDR.Overlaps(other.CIDR) {
					t.Fatalf("%s %s overlaps %s %s", one.Name, one.CIDR, other.Name, other.CIDR)
				}
			}
		}
	})
}

func TestEveryZoneHasEveryTier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := anyPlan(t)
		if want := len(plan.Zones) * len(network.Tiers()); len(plan.Subnets) != want {
			t.Fatalf("%d subnets, want %d", len(plan.Subnets), want)
		}
		for _, zone := range plan.Zones {
			for _, tier := range network.Tiers() {
				if _, found := plan.Subnet(zone.Letter, tier); !found {
					t.Fatalf("no %s in zone %s", tier, zone.Letter)
				}
			}
		}
	})
}

func TestAddingAZoneChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		block, more := anyVPC(t), anyZones(t)
		if len(more) < 3 {
			t.Skip("needs a zone to leave out")
		}
		leftOut := rapid.IntRange(0, len(more)-1).Draw(t, "left out")
		fewer := append(append([]zones.Zone{}, more[:leftOut]...), more[leftOut+1:]...)
		before, err := network.NewPlan(block, fewer)
		if err != nil {
			t.Fatal(err)
		}
		after, err := network.NewPlan(block, more)
		if err != nil {
			t.Fatal(err)
		}
		subnets, routes := map[network.Subnet]bool{}, map[network.Route]bool{}
		for _, subnet := range after.Subnets {
			subnets[subnet] = true
		}
		for _, route := range after.Routes {
			routes[route] = true
		}
		for _, subnet := range before.Subnets {
			if !subnets[subnet] {
				t.Fatalf("adding zone %s changed subnet %+v", more[leftOut].Letter, subnet)
			}
		}
		for _, route := range before.Routes {
			if !routes[route] {
				t.Fatalf("adding zone %s changed route %+v", more[leftOut].Letter, route)
			}
		}
		if len(after.Subnets)-len(before.Subnets) != len(network.Tiers()) {
			t.Fatalf("a zone adds one subnet a tier")
		}
	})
}

func TestRoutesStayInTheirZoneInBothDirections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := anyPlan(t)
		byTable := map[string][]network.Route{}
		for _, route := range plan.Routes {
			byTable[route.Table] = append(byTable[route.Table], route)
		}
		for _, zone := range plan.Zones {
			public, _ := plan.Subnet(zone.Letter, network.Public)
			requireOnly(t, byTable["app-"+zone.Letter], network.ViaNAT, zone.Letter, "0.0.0.0/0")
			requireOnly(t, byTable["public-"+zone.Letter], network.ViaFirewall, zone.Letter, "0.0.0.0/0")
			requireOnly(t, byTable["edge-"+zone.Letter], network.ViaInternetGateway, "", "0.0.0.0/0")
			requireOnly(t, routesTo(byTable[network.IngressTable], public.CIDR), network.ViaFirewall, zone.Letter, public.CIDR.String())
			if len(byTable["data-"+zone.Letter])+len(byTable["mirror-"+zone.Letter]) != 0 {
				t.Fatalf("data in zone %s has a way out", zone.Letter)
			}
		}
		if len(byTable[network.IngressTable]) != len(plan.Zones) {
			t.Fatalf("the way in knows %d subnets, want %d", len(byTable[network.IngressTable]), len(plan.Zones))
		}
	})
}

func routesTo(routes []network.Route, destination netip.Prefix) []network.Route {
	var out []network.Route
	for _, route := range routes {
		if route.Destination == destination {
			out = append(out, route)
		}
	}
	return out
}

func requireOnly(t *rapid.T, routes []network.Route, via network.Via, zone, destination string) {
	if len(routes) != 1 || routes[0].Via != via || routes[0].Zone != zone || routes[0].Destination.String() != destination {
		t.Fatalf("got %+v, want one route to %s via %s in zone %q", routes, destination, via, zone)
	}
}

// The addresses are written down: a change of the slots would move every subnet
// of every running environment, which replaces all that is in it.
func TestAddressesOfRunningEnvironmentsDoNotMove(t *testing.T) {
	spread, err := zones.Plan("us-east-1", []string{"a", "b"})
	require.NoError(t, err)
	plan, err := network.NewPlan("10.20.0.0/16", spread)
	require.NoError(t, err)
	got := map[string]string{}
	for _, subnet := range plan.Subnets {
		got[subnet.Name] = subnet.CIDR.String()
	}
	require.Equal(t, map[string]string{
		"app-a": "10.20.0.0/20", "public-a": "10.20.16.0/22", "data-a": "10.20.20.0/22", "mirror-a": "10.20.24.0/22", "edge-a": "10.20.28.0/26",
		"app-b": "10.20.32.0/20", "public-b": "10.20.48.0/22", "data-b": "10.20.52.0/22", "mirror-b": "10.20.56.0/22", "edge-b": "10.20.60.0/26",
	}, got)
}

func TestNewPlanRefuses(t *testing.T) {
	two, err := zones.Plan("us-east-1", []string{"a", "b"})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		cidr   string
		spread []zones.Zone
		want   string
	}{
		"not a block":      {"ten", two, "expected IPv4 CIDR notation"},
		"too wide":         {"10.0.0.0/8", two, "from /16 to /18"},
		"too narrow":       {"10.0.0.0/24", two, "from /16 to /18"},
		"version 6":        {"fd00::/16", two, "expected an IPv4 block"},
		"not its first":    {"10.20.1.0/16", two, "expected its first address, 10.20.0.0/16"},
		"public addresses": {"198.51.0.0/16", two, "expected private addresses"},
		"one zone":         {"10.20.0.0/16", two[:1], "1 zones"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := network.NewPlan(test.cidr, test.spread)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAccessListsLetNobodyIntoDataFromOutside(t *testing.T) {
	two, err := zones.Plan("us-east-1", []string{"a", "b"})
	require.NoError(t, err)
	plan, err := network.NewPlan("10.20.0.0/16", two)
	require.NoError(t, err)
	seen := map[network.Tier]bool{}
	for _, list := range plan.ACLs {
		seen[list.Tier] = true
		numbers := map[[2]any]bool{}
		for _, rule := range list.Rules {
			key := [2]any{rule.Number, rule.Egress}
			require.False(t, numbers[key], "%s has rule %v twice", list.Tier, key)
			numbers[key] = true
			if list.Tier == network.Data || list.Tier == network.Mirror {
				require.Equal(t, plan.VPC, rule.CIDR, "%s speaks to the VPC only", list.Tier)
			}
		}
	}
	require.Equal(t, map[network.Tier]bool{network.Public: true, network.App: true, network.Data: true, network.Mirror: true}, seen)
}
