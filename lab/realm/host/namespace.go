package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is one network namespace.
type Namespace struct {
	host *Host
	name string
	link *netlink.Handle

	mu     sync.RWMutex // guards handle: its number must not be used once it is closed
	handle netns.NsHandle
	closed bool

	hanging sync.Mutex     // one Hang at a time
	hung    map[int]string // the start times of processes that Hang stopped
}

// CreateNamespace makes a network namespace with its loopback up. A name that exists is an error.
func (h *Host) CreateNamespace(name string) (*Namespace, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.namespaces[name]; ok {
		return nil, fmt.Errorf("creating namespace %s: it exists", name)
	}
	ns := &Namespace{host: h, name: name}
	if err := ns.create(); err != nil {
		return nil, fmt.Errorf("creating namespace %s: %w", name, err)
	}
	h.namespaces[name] = ns
	return ns, nil
}

// create unshares on a locked thread and comes back. A thread must not be left to die in the new namespace: the
// process's first thread cannot end, and /proc/self would be inside for ever.
func (n *Namespace) create() error {
	made := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			made <- fmt.Errorf("remembering the own namespace: %w", err)
			return
		}
		defer home.Close()
		err = n.unshare()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		} // otherwise the thread stays locked and ends with this goroutine
		made <- err
	}()
	if err := <-made; err != nil {
		return err
	}
	link, err := netlink.NewHandleAt(n.handle, unix.NETLINK_ROUTE)
	if err != nil {
		return errors.Join(err, n.release())
	}
	n.link = link
	lo, err := link.LinkByName("lo")
	if err == nil {
		err = link.LinkSetUp(lo)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("setting loopback up: %w", err), n.release())
	}
	return nil
}

func (n *Namespace) unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unsharing the network: %w", err)
	}
	handle, err := netns.Get()
	if err != nil {
		return fmt.Errorf("opening the namespace: %w", err)
	}
	n.handle = handle
	path := n.Path()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return errors.Join(err, handle.Close())
	}
	file.Close()
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return errors.Join(fmt.Errorf("binding the namespace to %s: %w", path, err), handle.Close())
	}
	return nil
}

// Name returns the namespace's name.
func (n *Namespace) Name() string { return n.name }

// Path returns a file that nsenter --net= understands.
func (n *Namespace) Path() string { return n.host.path(n.name) }

// Netlink returns a handle to configure links, addresses, routes and rules inside.
func (n *Namespace) Netlink() *netlink.Handle { return n.link }

// FD returns the namespace's descriptor, to move a link into it (netlink.LinkSetNsFd).
func (n *Namespace) FD() int { return int(n.handle) }

// Do runs f on a thread inside the namespace. f must not start goroutines that rely on being inside: they are not.
func (n *Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			result <- fmt.Errorf("remembering the own namespace: %w", err)
			return
		}
		defer home.Close()
		if err := n.enter(); err != nil {
			result <- fmt.Errorf("entering namespace %s: %w", n.name, err)
			return
		}
		err = f()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		} // otherwise the thread stays locked and dies with this goroutine
		result <- err
	}()
	return <-result
}

// enter moves the calling thread, which must be locked, into the namespace.
func (n *Namespace) enter() error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return net.ErrClosed
	}
	return netns.Set(n.handle)
}

// Listen announces on an address inside the namespace.
func (n *Namespace) Listen(ctx context.Context, network, address string) (listener net.Listener, err error) {
	err = n.Do(func() error {
		listener, err = (&net.ListenConfig{}).Listen(ctx, network, address)
		return err
	})
	return listener, err
}

// ListenPacket announces on a packet address inside the namespace.
func (n *Namespace) ListenPacket(ctx context.Context, network, address string) (conn net.PacketConn, err error) {
	err = n.Do(func() error {
		conn, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	return conn, err
}

// DialContext connects from inside the namespace to a literal address (names are not resolved inside).
func (n *Namespace) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if remote, parseErr := netip.ParseAddrPort(address); parseErr == nil && (network == "tcp4" || network == "tcp" && remote.Addr().Is4()) {
		tcp, err := n.DialTCP(ctx, remote, nil)
		if err != nil {
			return nil, err // no typed nil
		}
		return tcp, nil
	}
	err = n.Do(func() error {
		// Without fallback delay the dialer makes its socket on this very thread.
		conn, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Start starts a command inside the namespace; the caller waits for it.
func (n *Namespace) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// Run runs a command inside the namespace and returns what it printed to both outputs.
func (n *Namespace) Run(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	if err := n.Start(cmd); err != nil {
		return "", fmt.Errorf("starting %s in namespace %s: %w", name, n.name, err)
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("running %s %s in namespace %s: %w: %s", name, strings.Join(args, " "), n.name, err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// Nft loads an nftables ruleset, all of it or nothing.
func (n *Namespace) Nft(ctx context.Context, ruleset string) error {
	_, err := n.Run(ctx, ruleset, "nft", "-f", "-")
	return err
}

// Close removes the namespace's handles; the kernel removes it when its last process and socket are gone.
func (n *Namespace) Close() error {
	n.host.mu.Lock()
	delete(n.host.namespaces, n.name)
	n.host.mu.Unlock()
	n.link.Close()
	return n.release()
}

func (n *Namespace) release() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	path := n.Path()
	errs := []error{n.handle.Close()}
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		errs = append(errs, fmt.Errorf("unmounting %s: %w", path, err))
	}
	errs = append(errs, os.Remove(path))
	return errors.Join(errs...)
}
