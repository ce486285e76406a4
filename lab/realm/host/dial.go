package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DialTCP connects to an IPv4 address from inside the namespace. Prepare, when not nil, may set options of the socket
// and bind it before it connects. Only the making of the socket takes a thread: any number of connections can wait.
func (n *Namespace) DialTCP(ctx context.Context, remote netip.AddrPort, prepare func(fd int) error) (*net.TCPConn, error) {
	conn, err := n.dialTCP(ctx, remote, prepare)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp4", Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	return conn, nil
}

func (n *Namespace) dialTCP(ctx context.Context, remote netip.AddrPort, prepare func(fd int) error) (*net.TCPConn, error) {
	if !remote.Addr().Unmap().Is4() {
		return nil, fmt.Errorf("%s is not an IPv4 address", remote)
	}
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "tcp:"+remote.String())
	defer file.Close() // the connection has a descriptor of its own
	if prepare != nil {
		if err := prepare(fd); err != nil {
			return nil, err
		}
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(remote.Port()), Addr: remote.Addr().Unmap().As4()})
	if errors.Is(err, unix.EINPROGRESS) {
		err = awaitConnect(ctx, file)
	}
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return tcp, errors.Join(tcp.SetNoDelay(true), tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}))
}

// awaitConnect waits until the socket is connected, has failed or the context has ended.
func awaitConnect(ctx context.Context, file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = file.SetWriteDeadline(time.Unix(1, 0)) }) // wakes the wait below
	defer stop()
	var failed error
	waited := raw.Write(func(fd uintptr) (done bool) {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			failed = err
		case code != 0:
			failed = syscall.Errno(code)
		default:
			_, err := unix.Getpeername(int(fd))
			return err == nil
		}
		return true
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(failed, waited)
}
