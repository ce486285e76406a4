package vpc

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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

func TestARouteIntoAnotherZonesFirewallBreaksVisibly(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	events := collectEvents(&spec, "eni-firewall-a", "eni-firewall-b")
	// The way out goes by zone a's endpoint; the way back comes by zone b's.
	spec.table("rtb-public-b").Routes[0].Target.ID = "eni-firewall-a"
	apply(t, n, spec)
	answer(t, n.Internet(), "203.0.113.80:80")

	requireBlocked(t, behind(t, n, "eni-server-b"), "203.0.113.80:80")
	requireEvent(t, events, func(e FirewallEvent) bool {
		return e.Endpoint == "eni-firewall-b" && e.Action == "drop" && e.Source.Port() == 80
	})
	requireReaches(t, behind(t, n, "eni-server-a"), "203.0.113.80:80", "198.18.0.10")

	spec.table("rtb-public-b").Routes[0].Target.ID = "eni-firewall-b"
	apply(t, n, spec)
	requireReaches(t, behind(t, n, "eni-server-b"), "203.0.113.80:80", "198.18.1.10")
}

func TestNetworkACLsAreStatelessAndOnlyBetweenSubnets(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	v := &spec.VPCs[0]
	v.NetworkACLs = append(v.NetworkACLs, NetworkACL{
		ID:      "acl-b",
		Ingress: []ACLEntry{{Number: 100, Protocol: 6, FromPort: 80, ToPort: 80, CIDR: netip.MustParsePrefix("10.0.0.0/16"), Allow: true}},
	})
	v.Subnets[1].NetworkACL = "acl-b"
	apply(t, n, spec)
	client, server := behind(t, n, "eni-a1"), behind(t, n, "eni-b1")
	answer(t, server, "10.0.2.11:80")
	answer(t, behind(t, n, "eni-a2"), "10.0.1.12:80")

	requireBlocked(t, client, "10.0.2.11:80") // the answer may not leave
	v.NetworkACLs[1].Egress = []ACLEntry{{Number: 100, Protocol: 6, FromPort: 1024, ToPort: 65535, CIDR: anywhere, Allow: true}}
	apply(t, n, spec)
	_, conn, err := call(client, "10.0.2.11:80", patience)
	require.NoError(t, err)
	defer conn.Close()

	v.NetworkACLs[1].Ingress = append([]ACLEntry{{Number: 50, Protocol: -1, CIDR: netip.MustParsePrefix("10.0.1.0/24")}}, v.NetworkACLs[1].Ingress...)
	apply(t, n, spec)
	requireSilent(t, conn) // it cuts what is established, too

	v.Subnets[0].NetworkACL = "acl-none"
	v.NetworkACLs = append(v.NetworkACLs, NetworkACL{ID: "acl-none"})
	apply(t, n, spec)
	requireReaches(t, client, "10.0.1.12:80", "10.0.1.11") // inside a subnet no ACL applies
}

func TestTheServicesAnswerAtEveryDoor(t *testing.T) {
	t.Parallel()
	origins := make(chan Origin, 64)
	n := newNetwork(t, Options{Serve: func(l net.Listener) {
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				origins <- OriginOf(l)
				fmt.Fprintln(conn, conn.RemoteAddr().(*net.TCPAddr).IP)
				conn.Close()
			}
		}()
	}})
	spec := twoZones()
	apply(t, n, spec)
	server := behind(t, n, "eni-server-a")

	requireReaches(t, server, ServicesAddress.String()+":443", "198.18.0.10") // through NAT and firewall
	require.Equal(t, Origin{}, <-origins)
	requireReaches(t, server, S3Address.String()+":443", "10.0.20.30") // through the gateway endpoint
	require.Equal(t, Origin{VPC: "vpc-1"}, <-origins)
	requireReaches(t, server, "10.0.20.40:443", "10.0.20.30") // through the interface endpoint
	require.Equal(t, Origin{VPC: "vpc-1", Interface: "eni-endpoint-a"}, <-origins)
	requireBlocked(t, server, "10.0.20.40:80") // its security group
	requireReaches(t, n.Internet(), ServicesAddress.String()+":80", ServicesAddress.String())
}

func TestWithoutARouteNothingGoes(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	private := spec.table("rtb-private-a")
	apply(t, n, spec)
	answer(t, n.Internet(), "203.0.113.80:80")
	server := behind(t, n, "eni-server-a")
	requireReaches(t, server, "203.0.113.80:80", "198.18.0.10")

	private.Routes = private.Routes[1:]
	apply(t, n, spec)
	requireBlocked(t, server, "203.0.113.80:80")
	private.Routes = append(private.Routes, Route{Destination: anywhere, Target: Target{Kind: TargetBlackhole}})
	apply(t, n, spec)
	requireBlocked(t, server, "203.0.113.80:80")
	private.Routes[1] = Route{Destination: anywhere, Target: Target{Kind: TargetInternetGateway, ID: "igw-1"}}
	apply(t, n, spec)
	requireBlocked(t, server, "203.0.113.80:80") // the gateway knows no public address for it
	requireReaches(t, behind(t, n, "eni-server-b"), "203.0.113.80:80", "198.18.1.10")
}

func TestDownSeversAnInterfaceAndBackRestoresIt(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoZones()
	apply(t, n, spec)
	answer(t, behind(t, n, "eni-balancer-a"), "10.0.10.20:443")
	requireReaches(t, n.Internet(), "198.18.0.20:443", OutsideClient.String())
	_, conn, err := call(n.Internet(), "198.18.0.20:443", patience)
	require.NoError(t, err)
	defer conn.Close()

	spec.face("eni-firewall-a").Down = true
	apply(t, n, spec)
	requireBlocked(t, n.Internet(), "198.18.0.20:443")
	requireSilent(t, conn)

	spec.face("eni-firewall-a").Down = false
	apply(t, n, spec)
	requireReaches(t, n.Internet(), "198.18.0.20:443", OutsideClient.String())
}

func TestOneWayFaultsLoseOneWay(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	spec.VPCs[0].SecurityGroups = []SecurityGroup{{ID: "sg-client", Ingress: allowAll, Egress: allowAll}, {ID: "sg-server", Ingress: allowAll, Egress: allowAll}}
	apply(t, n, spec)
	for _, fault := range []struct {
		mute, deaf, out, in bool // what may still pass
	}{{false, false, true, true}, {true, false, false, true}, {false, true, true, false}} {
		spec.face("eni-b1").Mute, spec.face("eni-b1").Deaf = fault.mute, fault.deaf
		apply(t, n, spec)
		require.Equal(t, fault.out, datagramArrives(t, n, "eni-b1", "10.0.2.11", "eni-a1", "10.0.1.11"), "%+v", fault)
		require.Equal(t, fault.in, datagramArrives(t, n, "eni-a1", "10.0.1.11", "eni-b1", "10.0.2.11"), "%+v", fault)
	}
}

// datagramArrives sends a datagram from one interface to another.
func datagramArrives(t *testing.T, n *Network, from, source, to, destination string) bool {
	t.Helper()
	heard, err := behind(t, n, to).ListenPacket(t.Context(), "udp4", destination+":0")
	require.NoError(t, err)
	defer heard.Close()
	conn, err := behind(t, n, from).ListenPacket(t.Context(), "udp4", source+":0")
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.WriteTo([]byte("x"), heard.LocalAddr())
	require.NoError(t, err)
	heard.SetReadDeadline(time.Now().Add(refusal))
	_, _, err = heard.ReadFrom(make([]byte, 8))
	return err == nil
}

func TestSpoofedSourcesAreDropped(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	spec.VPCs[0].SecurityGroups[1].Ingress = []GroupRule{tcp(80, "0.0.0.0/0")}
	spec.VPCs[0].SecurityGroups[1].Egress = allowAll
	apply(t, n, spec)
	client := behind(t, n, "eni-a1")
	heard, err := behind(t, n, "eni-b1").ListenPacket(t.Context(), "udp4", "10.0.2.11:9999")
	require.NoError(t, err)
	defer heard.Close()
	spec.VPCs[0].SecurityGroups[1].Ingress = allowAll
	apply(t, n, spec)

	_, err = client.Run(t.Context(), "", "ip", "addr", "add", "10.0.9.9/32", "dev", "lo")
	require.NoError(t, err)
	send := func(from string) {
		conn, err := client.ListenPacket(t.Context(), "udp4", from+":0")
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 2, 11), Port: 9999})
		require.NoError(t, err)
	}
	send("10.0.9.9")
	heard.SetReadDeadline(time.Now().Add(refusal))
	_, _, err = heard.ReadFrom(make([]byte, 8))
	require.Error(t, err, "a packet with another's source arrived")

	send("10.0.1.11")
	heard.SetReadDeadline(time.Now().Add(patience))
	_, from, err := heard.ReadFrom(make([]byte, 8))
	require.NoError(t, err)
	require.Equal(t, "10.0.1.11", from.(*net.UDPAddr).IP.String())
}

func TestAnInstanceReachesAPublicAddressOfItsOwnVPC(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	answer(t, behind(t, n, "eni-balancer-b"), "10.0.11.20:443")
	requireReaches(t, behind(t, n, "eni-server-a"), "198.18.1.20:443", "198.18.0.10")
}

// TestTheSmallerMTUOutsideIsLearned sends datagrams that fit inside a VPC but not through the internet gateway: the
// router says so, and the sender's kernel cuts them.
func TestTheSmallerMTUOutsideIsLearned(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	heard, err := n.Internet().ListenPacket(t.Context(), "udp4", "203.0.113.80:9999")
	require.NoError(t, err)
	defer heard.Close()
	for _, id := range []string{"eni-balancer-a", "eni-server-b"} { // with a public address; through a NAT gateway
		conn, err := behind(t, n, id).ListenPacket(t.Context(), "udp4", ":0")
		require.NoError(t, err)
		defer conn.Close()
		require.Eventually(t, func() bool {
			_, _ = conn.WriteTo(make([]byte, 5000), heard.LocalAddr()) // the first is refused
			heard.SetReadDeadline(time.Now().Add(refusal))
			size, _, err := heard.ReadFrom(make([]byte, 9000))
			return err == nil && size == 5000
		}, patience, time.Millisecond, id)
	}
}
