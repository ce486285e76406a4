package world

import (
	"context"
	"net"
)

// to connects to an address, whatever host was asked for, at the port that was.
func to(address string) func(ctx context.Context, network, target string) (net.Conn, error) {
	return func(ctx context.Context, network, target string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(target)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, port))
	}
}
