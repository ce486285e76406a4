package vpc

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// twoSubnets is a VPC with two hosts in one subnet and one in another.
func twoSubnets() Spec {
	return Spec{VPCs: []VPC{{
		ID: "vpc-1", Region: "us-east-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
		Subnets: []Subnet{
			{ID: "subnet-a", Zone: "us-east-1a", CIDR: netip.MustParsePrefix("10.0.1.0/24"), RouteTable: "rtb-1", NetworkACL: "acl-open"},
			{ID: "subnet-b", Zone: "us-east-1b", CIDR: netip.MustParsePrefix("10.0.2.0/24"), RouteTable: "rtb-1", NetworkACL: "acl-open"},
		},
		RouteTables: []RouteTable{{ID: "rtb-1"}},
		NetworkACLs: []NetworkACL{openACL},
		SecurityGroups: []SecurityGroup{
			{ID: "sg-client", Egress: allowAll},
			{ID: "sg-server", Ingress: []GroupRule{{Protocol: 6, FromPort: 80, ToPort: 80, Group: "sg-client"}}},
		},
		Interfaces: []Interface{
			{ID: "eni-a1", Subnet: "subnet-a", Role: RoleHost, Address: netip.MustParseAddr("10.0.1.11"), SecurityGroups: []string{"sg-client"}},
			{ID: "eni-a2", Subnet: "subnet-a", Role: RoleHost, Address: netip.MustParseAddr("10.0.1.12"), SecurityGroups: []string{"sg-server"}},
			{ID: "eni-b1", Subnet: "subnet-b", Role: RoleHost, Address: netip.MustParseAddr("10.0.2.11"), SecurityGroups: []string{"sg-server"}},
		},
	}}}
}

func TestSecurityGroupsFilterEveryInterface(t *testing.T) {
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	apply(t, n, spec)
	client, near, far := behind(t, n, "eni-a1"), behind(t, n, "eni-a2"), behind(t, n, "eni-b1")
	for _, port := range []string{":80", ":81"} {
		answer(t, near, "10.0.1.12"+port)
		answer(t, far, "10.0.2.11"+port)
	}
	answer(t, client, "10.0.1.11:80")

	requireReaches(t, client, "10.0.1.12:80", "10.0.1.11")
	requireReaches(t, client, "10.0.2.11:80", "10.0.1.11")
	requireBlocked(t, client, "10.0.1.12:81")
	requireBlocked(t, client, "10.0.2.11:81")
	requireBlocked(t, far, "10.0.1.12:80") // not a member of sg-client, and no egress
	requireBlocked(t, near, "10.0.1.11:80")

	_, conn, err := call(client, "10.0.2.11:80", patience)
	require.NoError(t, err)
	defer conn.Close()
	requireTalks(t, conn)

	spec.VPCs[0].SecurityGroups[1].Ingress = nil
	apply(t, n, spec)
	requireBlocked(t, client, "10.0.2.11:80")
	requireTalks(t, conn) // a tracked connection outlives its rule

	spec.VPCs[0].SecurityGroups[1].Ingress = []GroupRule{tcp(81, "10.0.1.0/24")}
	apply(t, n, spec)
	requireReaches(t, client, "10.0.2.11:81", "10.0.1.11")
	requireTalks(t, conn)
}

func TestTheWayOutCrossesTheFirewallOfTheZone(t *testing.T) {
	n := newNetwork(t, Options{})
	spec := twoZones()
	apply(t, n, spec)
	answer(t, n.Internet(), "203.0.113.80:80")
	before := crossed(t, n, "eni-firewall-b")

	requireReaches(t, behind(t, n, "eni-server-a"), "203.0.113.80:80", "198.18.0.10")
	require.Positive(t, crossed(t, n, "eni-firewall-a"), "packets cross the firewall endpoint of zone a")
	require.Equal(t, before, crossed(t, n, "eni-firewall-b"))
	requireReaches(t, behind(t, n, "eni-server-b"), "203.0.113.80:80", "198.18.1.10")
	require.Greater(t, crossed(t, n, "eni-firewall-b"), before)
}

func TestTheWayInCrossesTheFirewallOfTheZone(t *testing.T) {
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	answer(t, behind(t, n, "eni-balancer-b"), "10.0.11.20:443")
	answer(t, behind(t, n, "eni-server-a"), "10.0.20.30:8080")

	requireReaches(t, n.Internet(), "198.18.1.20:443", OutsideClient.String())
	require.Positive(t, crossed(t, n, "eni-firewall-b"))
	require.Zero(t, crossed(t, n, "eni-firewall-a"))
	requireBlocked(t, n.Internet(), "198.18.1.20:22")
	requireReaches(t, behind(t, n, "eni-balancer-b"), "10.0.20.30:8080", "10.0.11.20")
	requireBlocked(t, behind(t, n, "eni-server-b"), "10.0.20.30:8080")
}

// crossed returns how many packets of connections a firewall endpoint has let through.
func crossed(t *testing.T, n *Network, id string) int {
	t.Helper()
	out, err := behind(t, n, id).Run(t.Context(), "", "nft", "list", "chain", "ip", "haven", "forward")
	require.NoError(t, err)
	total := 0
	for _, line := range strings.Split(out, "\n") {
		if _, count, ok := strings.Cut(line, "counter packets "); ok && strings.HasSuffix(line, "accept") {
			var packets int
			fmt.Sscan(count, &packets)
			total += packets
		}
	}
	return total
}
