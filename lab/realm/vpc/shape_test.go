package vpc

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// transfer measures how long it takes to get so many bytes from one interface to another.
func transfer(t *testing.T, n *Network, from, source, to string, size int64) time.Duration {
	t.Helper()
	listener, err := behind(t, n, from).Listen(t.Context(), "tcp4", source+":0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.CopyN(conn, zeros{}, size) // the receiver counts
	}()
	begun := time.Now()
	conn, err := behind(t, n, to).DialContext(t.Context(), "tcp4", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	got, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	require.Equal(t, size, got)
	return time.Since(begun)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestASlowLinkIsSlowBothWaysAndFastAgain(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	spec.VPCs[0].SecurityGroups = []SecurityGroup{{ID: "sg-client", Ingress: allowAll, Egress: allowAll}, {ID: "sg-server", Ingress: allowAll, Egress: allowAll}}
	apply(t, n, spec)
	const size, rate = 1 << 20, 4_000_000 // two seconds
	before := transfer(t, n, "eni-b1", "10.0.2.11", "eni-a1", size)
	spec.face("eni-b1").Rate = rate
	apply(t, n, spec)
	seen, err := n.Impairments(t.Context(), []string{"eni-b1", "eni-a1"})
	require.NoError(t, err)
	require.Equal(t, map[string]Impairment{"eni-b1": {Rate: rate}, "eni-a1": {}}, seen)
	out := transfer(t, n, "eni-b1", "10.0.2.11", "eni-a1", size)
	in := transfer(t, n, "eni-a1", "10.0.1.11", "eni-b1", size)
	require.Greater(t, out, time.Second)
	require.Greater(t, in, time.Second)
	spec.face("eni-b1").Impairment = Impairment{Mute: true}
	apply(t, n, spec)
	seen, err = n.Impairments(t.Context(), []string{"eni-b1"})
	require.NoError(t, err)
	require.Equal(t, map[string]Impairment{"eni-b1": {Mute: true}}, seen)
	spec.face("eni-b1").Impairment = Impairment{}
	apply(t, n, spec)
	after := transfer(t, n, "eni-b1", "10.0.2.11", "eni-a1", size)
	require.Less(t, after*4, out, "before it was slow it took %s", before)
}

func TestImpairmentsJoinAndCover(t *testing.T) {
	both := Impairment{Mute: true, Rate: 5}.Join(Impairment{Deaf: true, Rate: 3})
	require.Equal(t, Impairment{Mute: true, Deaf: true, Rate: 3}, both)
	require.True(t, both.Covers(Impairment{Down: true}), "mute and deaf is severed")
	require.True(t, both.Covers(Impairment{Rate: 4}))
	require.False(t, both.Covers(Impairment{Rate: 2}))
	require.False(t, Impairment{Mute: true}.Covers(Impairment{Down: true}))
	require.Equal(t, Impairment{Rate: 7}, Impairment{}.Join(Impairment{Rate: 7}))
}
