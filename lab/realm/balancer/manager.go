package balancer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"haven/lab/realm/host"
)

// Options are what a Manager needs.
type Options struct {
	Dir string // for the nodes' files; below the lab's own folder, as keys lie there
	// Namespace returns the namespace behind an interface, once the network has made it.
	Namespace func(interfaceID string) (*host.Namespace, bool)
	Log       *slog.Logger
	// Access gets each request; nil: nobody wants it. It must not block.
	Access func(Entry)
}

// Manager runs the nodes.
type Manager struct {
	options Options
	changed chan struct{}

	applying sync.Mutex
	mu       sync.Mutex
	nodes    map[string]*node
	waiting  map[string]waiting // nodes that can't run, and why
}

type waiting struct {
	spec   Spec
	reason string
}

// Available tells why no node could run here, or nil.
func Available() error {
	if _, err := exec.LookPath("haproxy"); err != nil {
		return errors.New("haproxy is not installed; type: scripts/setup")
	}
	return host.Privileged()
}

// New returns a Manager without nodes.
func New(options Options) *Manager {
	return &Manager{options: options, changed: make(chan struct{}, 1), nodes: map[string]*node{}, waiting: map[string]waiting{}}
}

// Changed gets a token when an observation has changed; tokens coalesce.
func (m *Manager) Changed() <-chan struct{} { return m.changed }

func (m *Manager) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Apply makes exactly these nodes run. A node whose namespace is not there yet waits for the next Apply, and so does
// one that failed; the others are not held up by it. The error joins those of the nodes. The specs must not be
// changed afterwards.
func (m *Manager) Apply(ctx context.Context, specs []Spec) error {
	m.applying.Lock()
	defer m.applying.Unlock()
	wanted := map[string]bool{}
	for _, spec := range specs {
		wanted[spec.Interface] = true
	}
	errs := []error{m.stopOthers(ctx, wanted)}
	failures := make([]error, len(specs))
	var group sync.WaitGroup
	for i, spec := range specs {
		group.Go(func() { failures[i] = m.applyOne(ctx, spec) })
	}
	group.Wait()
	m.notify()
	return errors.Join(append(errs, failures...)...)
}

func (m *Manager) applyOne(ctx context.Context, spec Spec) error {
	if spec.Lost {
		return m.lose(ctx, spec)
	}
	if err := m.restore(ctx, spec); err != nil {
		m.hold(spec, err.Error())
		return err
	}
	n, err := m.nodeFor(ctx, spec)
	if err == nil && n != nil {
		n.suspend(spec.Hung)
		if spec.Hung { // it takes nothing in; the others must not wait for it
			return nil
		}
		err = n.apply(ctx, spec)
	}
	if err != nil {
		m.hold(spec, err.Error())
		return err
	}
	if n == nil {
		m.hold(spec, "its network interface is not attached yet")
		return nil
	}
	m.mu.Lock()
	delete(m.waiting, spec.Interface)
	m.mu.Unlock()
	return nil
}

func (m *Manager) hold(spec Spec, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting[spec.Interface] = waiting{spec, reason}
}

// nodeFor returns the spec's node, made anew when the network has made the interface's namespace anew; nil when the
// namespace is not there.
func (m *Manager) nodeFor(ctx context.Context, spec Spec) (*node, error) {
	namespace, ok := m.options.Namespace(spec.Interface)
	m.mu.Lock()
	n := m.nodes[spec.Interface]
	m.mu.Unlock()
	if n != nil && (!ok || n.namespace != namespace) {
		if err := m.stopNode(ctx, spec.Interface); err != nil {
			return nil, err
		}
		n = nil
	}
	if !ok || n != nil {
		return n, nil
	}
	n, err := newNode(spec.Interface, filepath.Join(m.options.Dir, folder(spec.Interface)), namespace, m.options, m.notify)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.nodes[spec.Interface] = n
	m.mu.Unlock()
	return n, nil
}

func folder(interfaceID string) string {
	sum := sha256.Sum256([]byte(interfaceID))
	return "node-" + hex.EncodeToString(sum[:6])
}

func (m *Manager) stopOthers(ctx context.Context, wanted map[string]bool) error {
	m.mu.Lock()
	var gone []string
	for id := range m.nodes {
		if !wanted[id] {
			gone = append(gone, id)
		}
	}
	for id := range m.waiting {
		if !wanted[id] {
			delete(m.waiting, id)
		}
	}
	m.mu.Unlock()
	var errs []error
	for _, id := range gone {
		errs = append(errs, m.stopNode(ctx, id))
	}
	return errors.Join(errs...)
}

func (m *Manager) stopNode(ctx context.Context, id string) error {
	m.mu.Lock()
	n := m.nodes[id]
	delete(m.nodes, id)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := n.close(ctx); err != nil {
		return fmt.Errorf("stopping balancer node %s: %w", id, err)
	}
	return nil
}

// Close ends every node.
func (m *Manager) Close() error {
	m.applying.Lock()
	defer m.applying.Unlock()
	return m.stopOthers(context.Background(), nil)
}
