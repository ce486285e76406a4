package vpc

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHopSeesTheLinkAndNoFilter(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, Options{})
	spec := twoSubnets()
	server := &spec.VPCs[0].Interfaces[2] // its group lets nothing out
	hop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		return behind(t, n, server.ID).Hop(ctx, netip.MustParseAddr("10.0.1.11"))
	}
	apply(t, n, spec)
	for range 4 {
		require.NoError(t, hop())
		time.Sleep(200 * time.Millisecond)
	}
	for name, wrong := range map[string]Impairment{"severed": {Down: true}, "mute": {Mute: true}, "deaf": {Deaf: true}} {
		server.Impairment = wrong
		apply(t, n, spec)
		require.Error(t, hop(), name)
		server.Impairment = Impairment{}
		apply(t, n, spec)
		time.Sleep(time.Second)
		require.NoError(t, hop(), "healed from being %s", name)
	}
}
