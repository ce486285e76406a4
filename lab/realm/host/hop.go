package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Hop asks the first router on the way to an address for a sign of life: it sends a packet that expires there and waits
// for the router to say so. No filter of what is forwarded sees it. The router must have a route to the address.
func (n *Namespace) Hop(ctx context.Context, to netip.Addr) error {
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1),
		unix.Connect(fd, &unix.SockaddrInet4{Port: 33434, Addr: to.Unmap().As4()})) // traceroute's port
	if err == nil {
		_, err = unix.Write(fd, []byte("hop"))
	}
	if err != nil {
		return fmt.Errorf("sending to the router: %w", err)
	}
	return awaitExpiry(ctx, fd)
}

// awaitExpiry waits for the router's message, which the kernel reports as an error of the socket.
func awaitExpiry(ctx context.Context, fd int) error {
	for ctx.Err() == nil {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		if _, err := unix.Poll(poll, 50); err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
		if poll[0].Revents&unix.POLLERR == 0 {
			continue
		}
		code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			return os.NewSyscallError("getsockopt", err)
		case code == 0:
			time.Sleep(time.Millisecond) // the message is there, its error not yet
		case unix.Errno(code) == unix.EHOSTUNREACH, unix.Errno(code) == unix.ENETUNREACH, unix.Errno(code) == unix.ECONNREFUSED:
			return nil // whatever the router says, it is there
		default:
			return fmt.Errorf("asking the router: %w", unix.Errno(code))
		}
	}
	return errors.New("the router does not answer: nothing gets through to it or back")
}
