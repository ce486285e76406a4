package balancer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Why a node does not run.
const (
	reasonLost = "the node has lost its power"
	reasonHung = "the node's processes stand still"
)

// silence is the table that drops every packet of a node without power: a killed process alone would have the kernel
// reset its connections, which a machine without power does not do.
const silence = "haven_lost"

// lose takes the power from a node: nothing of it answers any more, not even with a reset.
func (m *Manager) lose(ctx context.Context, spec Spec) error {
	if err := m.silence(ctx, spec); err != nil {
		return err
	}
	m.mu.Lock()
	n := m.nodes[spec.Interface]
	m.mu.Unlock()
	m.hold(spec, reasonLost)
	if n == nil {
		return nil
	}
	n.kill()
	return m.stopNode(ctx, spec.Interface)
}

func (m *Manager) silence(ctx context.Context, spec Spec) error {
	namespace, ok := m.options.Namespace(spec.Interface)
	if !ok {
		return nil
	}
	err := namespace.Nft(ctx, fmt.Sprintf(`add table inet %[1]s
flush table inet %[1]s
add chain inet %[1]s in { type filter hook input priority -500; policy drop; }
add chain inet %[1]s out { type filter hook output priority -500; policy drop; }
`, silence))
	if err != nil {
		return fmt.Errorf("silencing node %s: %w", spec.Interface, err)
	}
	return nil
}

// restore gives a node back its network.
func (m *Manager) restore(ctx context.Context, spec Spec) error {
	m.mu.Lock()
	lost := m.waiting[spec.Interface].reason == reasonLost
	m.mu.Unlock()
	if namespace, ok := m.options.Namespace(spec.Interface); ok && lost {
		if err := namespace.Nft(ctx, "add table inet "+silence+"\ndelete table inet "+silence+"\n"); err != nil {
			return fmt.Errorf("ending the silence of node %s: %w", spec.Interface, err)
		}
	}
	return nil
}

// kill ends HAProxy at once.
func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		_ = syscall.Kill(-n.process.PID(), syscall.SIGKILL) // it may have ended
	}
}

// suspend lets HAProxy's processes and the checks stand still, or go on. It may be repeated.
func (n *node) suspend(on bool) {
	n.mu.Lock()
	turned := n.hung != on
	n.hung = on
	if on {
		n.hold()
	} else if turned && n.process != nil {
		_ = syscall.Kill(-n.process.PID(), syscall.SIGCONT)
	}
	n.mu.Unlock()
	switch {
	case on:
		n.setRunning(false, reasonHung)
	case turned:
		n.poke()
	}
}

// hold stops the processes that run now; the caller holds mu.
func (n *node) hold() {
	if n.process == nil {
		return
	}
	if err := syscall.Kill(-n.process.PID(), syscall.SIGSTOP); err != nil && !errors.Is(err, syscall.ESRCH) {
		n.log.Warn("stopping a balancer node's processes", "interface", n.id, "error", err)
	}
}
