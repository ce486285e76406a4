package host

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Host makes and owns namespaces and processes.
type Host struct {
	dir string
	log *slog.Logger

	mu         sync.Mutex
	namespaces map[string]*Namespace
}

// New returns a Host that keeps its handles below dir, which is made when missing. Each handle is a mount, so dir
// should be in a mount namespace of the caller's own: then a kill leaves nothing.
func New(dir string, log *slog.Logger) (*Host, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of namespace handles: %w", err)
	}
	return &Host{dir: dir, log: log, namespaces: map[string]*Namespace{}}, nil
}

const tunDevice = "/dev/net/tun"

// Privileged tells why namespaces can't be made here, or nil.
func Privileged() error {
	if os.Geteuid() != 0 {
		return errors.New("the realm needs root (or a user namespace with it) to make network namespaces; type: sudo -E scripts/up")
	}
	for _, tool := range []string{"nft", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed; type: scripts/setup", tool)
		}
	}
	if _, err := os.Stat(tunDevice); err != nil { // firewall endpoints look into connections on one
		return fmt.Errorf("the kernel has no TUN devices: %w; type: modprobe tun", err)
	}
	return nil
}

// Log returns the host's logger.
func (h *Host) Log() *slog.Logger { return h.log }

// Namespace returns a namespace by its name.
func (h *Host) Namespace(name string) (*Namespace, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ns, ok := h.namespaces[name]
	return ns, ok
}

// Close closes every namespace.
func (h *Host) Close() error {
	h.mu.Lock()
	all := make([]*Namespace, 0, len(h.namespaces))
	for _, ns := range h.namespaces {
		all = append(all, ns)
	}
	h.mu.Unlock()
	var errs []error
	for _, ns := range all {
		errs = append(errs, ns.Close())
	}
	return errors.Join(errs...)
}

func (h *Host) path(name string) string { return filepath.Join(h.dir, name) }
