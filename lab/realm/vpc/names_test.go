package vpc

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/dns"
	"haven/lab/realm/host"
)

func lookUp(t *testing.T, ns *host.Namespace, server, name string) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return ns.DialContext(ctx, network, server)
	}}
	addresses, err := resolver.LookupHost(ctx, name)
	slices.Sort(addresses)
	return addresses, err
}

func TestEveryHostHasItsOwnResolver(t *testing.T) {
	t.Parallel()
	names := NewNames()
	names.Replace([]dns.Record{
		{Name: "db.internal", Type: dns.TypeA, TTL: 5, VPC: "vpc-1", Values: []string{"10.0.20.1"}},
		{Name: "fs.internal", Type: dns.TypeA, TTL: 5, VPC: "vpc-1", Zone: "us-east-1a", Values: []string{"10.0.20.2"}},
		{Name: "fs.internal", Type: dns.TypeA, TTL: 5, VPC: "vpc-1", Zone: "us-east-1b", Values: []string{"10.0.21.2"}},
	})
	n := newNetwork(t, Options{Names: names})
	spec := twoZones()
	spec.face("eni-server-a").SecurityGroups = []string{"sg-none"} // no rule is needed to ask
	apply(t, n, spec)
	a, b := behind(t, n, "eni-server-a"), behind(t, n, "eni-server-b")
	for _, server := range []string{"169.254.169.253:53", "10.0.0.2:53"} {
		got, err := lookUp(t, a, server, "db.internal")
		require.NoError(t, err, server)
		require.Equal(t, []string{"10.0.20.1"}, got)
	}
	got, err := lookUp(t, a, "169.254.169.253:53", "fs.internal")
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.20.2"}, got)
	got, err = lookUp(t, b, "169.254.169.253:53", "fs.internal")
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.21.2"}, got)
	got, err = lookUp(t, a, "169.254.169.253:53", "bucket.s3.us-east-1.amazonaws.com")
	require.NoError(t, err)
	require.Equal(t, []string{S3Address.String()}, got)
	_, err = lookUp(t, a, "169.254.169.253:53", "nobody.internal")
	require.ErrorContains(t, err, "no such host")

	// The address of the metadata service is there for whoever runs the machine.
	l, err := a.Listen(t.Context(), "tcp4", MetadataAddress.String()+":80")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestApplyIsSafeForManyCallersUnderTraffic(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{Names: NewNames()})
	spec := twoZones()
	apply(t, n, spec)
	answer(t, behind(t, n, "eni-server-a"), "10.0.20.30:8080")
	_, conn, err := call(behind(t, n, "eni-balancer-b"), "10.0.20.30:8080", patience)
	require.NoError(t, err)
	defer conn.Close()

	stop := make(chan struct{})
	var group sync.WaitGroup
	errs := make(chan error, 100)
	for worker := range 4 {
		group.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				mine := twoZones()
				if (round+worker)%2 == 0 {
					mine = crowd(6)
				}
				if err := n.Apply(context.Background(), mine); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		requireTalks(t, conn)
	}
	close(stop)
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	requireReaches(t, behind(t, n, "eni-balancer-a"), "10.0.20.30:8080", "10.0.10.20")
}

func TestWhatCouldNotBeMadeIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	apply(t, n, twoZones())
	other, err := n.host.CreateNamespace("eni-extra") // the name is taken
	require.NoError(t, err)
	spec := twoZones()
	spec.VPCs[0].Interfaces = append(spec.VPCs[0].Interfaces, Interface{
		ID: "eni-extra", Subnet: "subnet-private-a", Role: RoleHost, Address: spec.VPCs[0].Subnets[2].CIDR.Addr().Next().Next().Next().Next(),
	})
	require.ErrorContains(t, n.Apply(t.Context(), spec), "eni-extra")
	_, there := n.Namespace("eni-extra")
	require.False(t, there)
	answer(t, behind(t, n, "eni-server-a"), "10.0.20.30:8080")
	requireReaches(t, behind(t, n, "eni-balancer-b"), "10.0.20.30:8080", "10.0.11.20") // the rest works

	require.NoError(t, other.Close())
	apply(t, n, spec)
	answer(t, behind(t, n, "eni-extra"), "10.0.20.4:80")
	requireReaches(t, behind(t, n, "eni-server-b"), "10.0.20.4:80", "10.0.21.30")

	twice := twoZones()
	twice.VPCs[0].Interfaces[1].Address = twice.VPCs[0].Interfaces[0].Address
	require.ErrorContains(t, n.Apply(t.Context(), twice), "twice")
	requireReaches(t, behind(t, n, "eni-server-b"), "10.0.20.4:80", "10.0.21.30") // nothing was changed
}
