package vpc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// transparent lets a socket have an address that is not its host's.
func transparent(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) { failed = setTransparent(int(fd)) })
	return errors.Join(err, failed)
}

func setTransparent(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
}

// dial connects to the server from the client's own address and port. A client may use its port again before what was
// carried from it earlier has wholly ended here: that is waited for.
func (p *firewallProxy) dial(source, destination netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
	defer cancel()
	for {
		conn, err := p.ns.DialTCP(ctx, destination, func(fd int) error {
			local := &unix.SockaddrInet4{Port: int(source.Port()), Addr: source.Addr().Unmap().As4()}
			return errors.Join(setTransparent(fd), unix.Bind(fd, local))
		})
		if !errors.Is(err, unix.EADDRNOTAVAIL) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
