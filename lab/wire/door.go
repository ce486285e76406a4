package wire

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
)

// Door is where requests of one listener come from.
type Door struct {
	// VPC and Interface are of a VPC endpoint: a gateway endpoint has the VPC alone, the public endpoints have neither.
	VPC, Interface string
	// Secure doors count as TLS though they are not: the host's loopback, which nobody else can listen to.
	Secure bool
}

type doorKey struct{}

// WithDoor returns a context for the requests of a listener; give it to http.Server.BaseContext.
func WithDoor(ctx context.Context, door Door) context.Context {
	return context.WithValue(ctx, doorKey{}, door)
}

func doorOf(ctx context.Context) Door {
	door, _ := ctx.Value(doorKey{}).(Door)
	return door
}

// tlsVersion returns "1.2" or "1.3", or "" without TLS.
func tlsVersion(r *http.Request) string {
	if r.TLS == nil {
		return ""
	}
	return strings.TrimPrefix(tls.VersionName(r.TLS.Version), "TLS ")
}
