package guest

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// passed is a listener whose connections come as descriptors over a socket from the lab: so the lab talks to the first
// process without a path or an address that an instance could put something else at.
type passed struct {
	fd   int
	gone func()
}

func newPassed(fd int, gone func()) *passed { return &passed{fd: fd, gone: gone} }

// Accept waits for the next connection. When the lab's end is closed, it calls gone and returns net.ErrClosed.
func (p *passed) Accept() (net.Conn, error) {
	for {
		buffer, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
		n, size, _, _, err := unix.Recvmsg(p.fd, buffer, rights, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			p.gone()
			return nil, net.ErrClosed
		}
		messages, err := unix.ParseSocketControlMessage(rights[:size])
		if err != nil || len(messages) == 0 {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) == 0 {
			continue
		}
		file := os.NewFile(uintptr(fds[0]), "connection")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			continue
		}
		return conn, nil
	}
}

// Close does nothing: the socket lives as long as the instance.
func (p *passed) Close() error { return nil }

// Addr names the listener in logs.
func (p *passed) Addr() net.Addr { return &net.UnixAddr{Name: "lab", Net: "unix"} }

// Pass sends one end of a new connection over the lab's end of the socket and returns the other end.
func Pass(control *os.File) (net.Conn, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	own := os.NewFile(uintptr(pair[0]), "connection")
	defer own.Close()
	defer unix.Close(pair[1])
	if err := unix.Sendmsg(int(control.Fd()), []byte{0}, unix.UnixRights(pair[1]), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT); err != nil {
		return nil, err
	}
	return net.FileConn(own)
}
