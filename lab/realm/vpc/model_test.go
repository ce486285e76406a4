package vpc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The model: what AWS's documents say of security groups and network ACLs, in a few lines of Go. The kernel's rules
// have to agree with it on random policies.

// modelAnswers tells whether b hears a's datagram and a hears the answer.
func modelAnswers(v *VPC, a, b *Interface, port, answerPort int) (heard, answered bool) {
	heard = modelACL(v, a, b, port, false) && modelACL(v, b, a, port, true) &&
		modelGroups(v, a, b, port, false) && modelGroups(v, b, a, port, true)
	answered = heard && modelACL(v, b, a, answerPort, false) && modelACL(v, a, b, answerPort, true)
	return heard, answered
}

// modelACL tells whether the ACL of i's subnet lets a datagram through from (in) or to the peer.
func modelACL(v *VPC, i, peer *Interface, port int, in bool) bool {
	if i.Subnet == peer.Subnet {
		return true
	}
	subnet := v.Subnets[slices.IndexFunc(v.Subnets, func(s Subnet) bool { return s.ID == i.Subnet })]
	acl := v.NetworkACLs[slices.IndexFunc(v.NetworkACLs, func(a NetworkACL) bool { return a.ID == subnet.NetworkACL })]
	entries := acl.Egress
	if in {
		entries = acl.Ingress
	}
	for _, e := range entries {
		if (e.Protocol == -1 || e.Protocol == 17 && (e.FromPort < 0 || e.FromPort <= port && port <= e.ToPort)) && e.CIDR.Contains(peer.Address) {
			return e.Allow
		}
	}
	return false
}

func modelGroups(v *VPC, i, peer *Interface, port int, in bool) bool {
	if len(i.SecurityGroups) == 0 {
		return true
	}
	for _, g := range v.SecurityGroups {
		if !slices.Contains(i.SecurityGroups, g.ID) {
			continue
		}
		rules := g.Egress
		if in {
			rules = g.Ingress
		}
		for _, r := range rules {
			ports := r.Protocol == -1 || r.Protocol == 17 && (r.FromPort < 0 || r.FromPort <= port && port <= r.ToPort)
			if ports && (r.Group == "" && r.CIDR.Contains(peer.Address) || r.Group != "" && slices.Contains(peer.SecurityGroups, r.Group)) {
				return true
			}
		}
	}
	return false
}

const (
	modelHosts     = 6
	modelFirstPort = 2000
	modelPorts     = 4
	answersFrom    = 40000
)

// randomPolicies is three subnets with two hosts each, under random groups and ACLs.
func randomPolicies(random *rand.Rand) Spec {
	v := VPC{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, RouteTables: []RouteTable{{ID: "rtb-1"}}}
	prefix := func() netip.Prefix {
		if random.IntN(3) == 0 {
			return anywhere
		}
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(random.IntN(3)), 0}), 24)
	}
	ports := func() (protocol, from, to int) {
		if random.IntN(3) == 0 {
			return -1, -1, -1
		}
		from = modelFirstPort + random.IntN(modelPorts)
		return 17, from, from + random.IntN(2)
	}
	entries := func() (list []ACLEntry) {
		for n := range random.IntN(4) {
			e := ACLEntry{Number: n, CIDR: prefix(), Allow: random.IntN(3) > 0}
			e.Protocol, e.FromPort, e.ToPort = ports()
			list = append(list, e)
		}
		return append(list, ACLEntry{Number: 100, Protocol: 17, FromPort: 2002, ToPort: 65535, CIDR: prefix(), Allow: true})
	}
	rules := func() (list []GroupRule) {
		for range 1 + random.IntN(3) {
			r := GroupRule{CIDR: prefix()}
			if random.IntN(3) == 0 {
				r.CIDR, r.Group = netip.Prefix{}, fmt.Sprintf("sg-%d", random.IntN(3))
			}
			r.Protocol, r.FromPort, r.ToPort = ports()
			list = append(list, r)
		}
		return list
	}
	for n := range 3 {
		v.Subnets = append(v.Subnets, Subnet{
			ID: fmt.Sprintf("subnet-%d", n), CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(n), 0}), 24),
			RouteTable: "rtb-1", NetworkACL: fmt.Sprintf("acl-%d", n),
		})
		v.NetworkACLs = append(v.NetworkACLs, NetworkACL{ID: fmt.Sprintf("acl-%d", n), Ingress: entries(), Egress: entries()})
		v.SecurityGroups = append(v.SecurityGroups, SecurityGroup{ID: fmt.Sprintf("sg-%d", n), Ingress: rules(), Egress: rules()})
	}
	for n := range modelHosts {
		i := Interface{
			ID: fmt.Sprintf("eni-%d", n), Subnet: fmt.Sprintf("subnet-%d", n%3), Role: RoleHost,
			Address: netip.AddrFrom4([4]byte{10, 0, byte(n % 3), byte(10 + n)}),
		}
		for g := range 3 {
			if random.IntN(2) == 0 {
				i.SecurityGroups = append(i.SecurityGroups, fmt.Sprintf("sg-%d", g))
			}
		}
		v.Interfaces = append(v.Interfaces, i)
	}
	return Spec{VPCs: []VPC{v}}
}

// modelRound is one datagram from each host to each other's ports, and what was heard of it.
type modelRound struct {
	sockets map[string]net.PacketConn // where each host sends from
	heard   chan uint32
	answers chan uint32
}

func TestRandomPoliciesAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	n := newNetwork(t, Options{})
	heard, answered := 0, 0
	for round := range 12 {
		spec := randomPolicies(random)
		apply(t, n, spec)
		v := &spec.VPCs[0]
		r := modelRound{sockets: map[string]net.PacketConn{}, heard: make(chan uint32, 1000), answers: make(chan uint32, 1000)}
		closeAll := r.open(t, n, v, answersFrom+round)
		want, wantAnswers := r.send(t, v, answersFrom+round)
		require.Equal(t, want, collect(r.heard, len(want)), "datagrams heard in round %d, seed %d: %+v", round, seed, v)
		require.Equal(t, wantAnswers, collect(r.answers, len(wantAnswers)), "answers in round %d, seed %d: %+v", round, seed, v)
		closeAll()
		heard, answered = heard+len(want), answered+len(wantAnswers)
	}
	sent := 12 * modelHosts * (modelHosts - 1) * modelPorts
	t.Logf("of %d datagrams %d were let through, and %d answers", sent, heard, answered)
	require.True(t, 0 < answered && answered < heard && heard < sent, "the policies were too open or too closed to prove anything")
}

// open opens each host's listening and sending sockets.
func (r *modelRound) open(t *testing.T, n *Network, v *VPC, from int) func() {
	var opened []net.PacketConn
	listen := func(i *Interface, port int) net.PacketConn {
		conn, err := behind(t, n, i.ID).ListenPacket(t.Context(), "udp4", fmt.Sprintf("%s:%d", i.Address, port))
		require.NoError(t, err)
		opened = append(opened, conn)
		return conn
	}
	for k := range v.Interfaces {
		i := &v.Interfaces[k]
		for port := range modelPorts {
			go echoDatagrams(listen(i, modelFirstPort+port), r.heard)
		}
		socket := listen(i, from)
		r.sockets[i.ID] = socket
		go func() {
			for b := make([]byte, 4); ; {
				if _, _, err := socket.ReadFrom(b); err != nil {
					return
				}
				r.answers <- binary.BigEndian.Uint32(b)
			}
		}()
	}
	return func() {
		for _, conn := range opened {
			conn.Close()
		}
	}
}

func echoDatagrams(conn net.PacketConn, heard chan uint32) {
	for b := make([]byte, 4); ; {
		_, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		heard <- binary.BigEndian.Uint32(b)
		conn.WriteTo(b, from)
	}
}

// send sends all datagrams and returns those that the model says are heard and answered.
func (r *modelRound) send(t *testing.T, v *VPC, from int) (heard, answered []uint32) {
	id := uint32(0)
	for a := range v.Interfaces {
		for b := range v.Interfaces {
			for port := modelFirstPort; port < modelFirstPort+modelPorts; port++ {
				if a == b {
					continue
				}
				id++
				packet := binary.BigEndian.AppendUint32(nil, id)
				_, err := r.sockets[v.Interfaces[a].ID].WriteTo(packet, &net.UDPAddr{IP: v.Interfaces[b].Address.AsSlice(), Port: port})
				require.NoError(t, err)
				h, w := modelAnswers(v, &v.Interfaces[a], &v.Interfaces[b], port, from)
				if h {
					heard = append(heard, id)
				}
				if w {
					answered = append(answered, id)
				}
			}
		}
	}
	return heard, answered
}

// collect returns what comes, in order: as many as are wanted, and any more that come soon after.
func collect(from chan uint32, want int) (all []uint32) {
	for {
		wait := 2 * time.Second
		if len(all) >= want {
			wait = 100 * time.Millisecond
		}
		select {
		case id := <-from:
			all = append(all, id)
		case <-time.After(wait):
			slices.Sort(all)
			return all
		}
	}
}
