package vpc

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd adds hosts to the network of two zones.
func crowd(hosts int) Spec {
	spec := twoZones()
	for n := range hosts {
		zone := []string{"a", "b"}[n%2]
		spec.VPCs[0].Interfaces = append(spec.VPCs[0].Interfaces, Interface{
			ID: fmt.Sprintf("eni-host-%02d", n), Subnet: "subnet-private-" + zone, Role: RoleHost,
			Address:        netip.AddrFrom4([4]byte{10, 0, byte(20 + n%2), byte(100 + n)}),
			SecurityGroups: []string{"sg-server"},
		})
	}
	return spec
}

// onHost returns what a network has put into the host's own namespace: links, addresses, rules and mounts. Others may
// use the host's network at the same time, so it looks for our own names and numbers only.
func onHost(t *testing.T, dir string) []string {
	t.Helper()
	ours := regexp.MustCompile(`\b([ei][0-9a-f]{12}|igw|gwe)[@:]|169\.254\.|198\.1[89]\.|203\.0\.113\.|10\.0\.[012]?[01]\.|lookup 1[01]$|fwmark`)
	var found []string
	for _, args := range [][]string{{"-o", "link"}, {"-o", "addr"}, {"route", "show", "table", "all"}, {"rule"}} {
		out, err := exec.Command("ip", args...).Output()
		require.NoError(t, err)
		for _, line := range strings.Split(string(out), "\n") {
			if ours.MatchString(line) {
				found = append(found, line)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/thread-self/mounts")
	require.NoError(t, err)
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}

func (n *Network) dir() string { return filepath.Dir(n.spaces[internetSpace].ns.Path()) }

func TestTeardownLeavesNothing(t *testing.T) {
	n := newNetwork(t, Options{Names: NewNames()})
	apply(t, n, Spec{})
	dir := n.dir()
	inside := func(line string) bool { return strings.Contains(line, dir+"/") }
	apply(t, n, twoZones())
	for _, line := range onHost(t, dir) {
		require.True(t, inside(line), "the host's own network is touched: %s", line)
	}
	require.NotEmpty(t, onHost(t, dir), "the handles of namespaces are mounts")
	files := openFiles(t)

	spec := twoZones()
	spec.VPCs[0].Interfaces = slices.DeleteFunc(spec.VPCs[0].Interfaces, func(i Interface) bool { return i.ID == "eni-server-a" })
	apply(t, n, spec)
	_, there := n.Namespace("eni-server-a")
	require.False(t, there)
	require.Less(t, openFiles(t), files, "a removed interface gives its handles back")
	answer(t, behind(t, n, "eni-server-b"), "10.0.21.30:8080")
	requireReaches(t, behind(t, n, "eni-balancer-a"), "10.0.21.30:8080", "10.0.10.20")

	apply(t, n, Spec{})
	require.Len(t, n.spaces, 1, "only the internet is left")
	require.Empty(t, n.links)
	out, err := n.Internet().Run(t.Context(), "", "ip", "-o", "link", "show", "type", "veth")
	require.NoError(t, err)
	require.Empty(t, out)
	require.NoError(t, n.Close())
	require.Empty(t, onHost(t, dir))

	apply(t, n, twoZones()) // and everything can be made again
	answer(t, behind(t, n, "eni-server-b"), "10.0.21.30:8080")
	requireReaches(t, behind(t, n, "eni-balancer-a"), "10.0.21.30:8080", "10.0.10.20")
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}

// TestARuleTakesEffectSoon measures, from Apply to a connection's success or failure, with the interfaces of a whole
// environment. It prints the figures; what it asserts is ten times as much as is promised (500 ms).
func TestARuleTakesEffectSoon(t *testing.T) {
	n := newNetwork(t, Options{Names: NewNames()})
	spec := crowd(40)
	start := time.Now()
	apply(t, n, spec)
	made := time.Since(start)
	answer(t, behind(t, n, "eni-host-00"), "10.0.20.100:9000")
	balancer := behind(t, n, "eni-balancer-a")

	closed := spec.VPCs[0].SecurityGroups[1].Ingress
	open := append(slices.Clone(closed), GroupRule{Protocol: 6, FromPort: 9000, ToPort: 9000, Group: "sg-balancer"})
	var took []time.Duration
	for range 20 {
		start := time.Now()
		spec.VPCs[0].SecurityGroups[1].Ingress = open
		apply(t, n, spec)
		requireReaches(t, balancer, "10.0.20.100:9000", "10.0.10.20")
		took = append(took, time.Since(start))
		spec.VPCs[0].SecurityGroups[1].Ingress = closed
		apply(t, n, spec)
	}
	requireBlocked(t, balancer, "10.0.20.100:9000")
	slices.Sort(took)
	start = time.Now()
	apply(t, n, spec)
	t.Logf("%d interfaces made in %v; a rule takes effect in %v (median), %v (slowest of %d); nothing to do takes %v",
		len(spec.VPCs[0].Interfaces), made, took[len(took)/2], took[len(took)-1], len(took), time.Since(start))
	require.Less(t, took[len(took)-1], 5*time.Second)
	start = time.Now()
	apply(t, n, Spec{})
	t.Logf("all of it is removed in %v", time.Since(start))
}
