package host_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
)

func open(t *testing.T) *host.Host {
	t.Helper()
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	h, err := host.New(t.TempDir(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

func TestSocketsLiveInsideTheNamespace(t *testing.T) {
	h := open(t)
	one, err := h.CreateNamespace("one")
	require.NoError(t, err)
	two, err := h.CreateNamespace("two")
	require.NoError(t, err)

	ctx := context.Background()
	listener, err := one.Listen(ctx, "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			conn.Write([]byte("hello"))
			conn.Close()
		}
	}()

	conn, err := one.DialContext(ctx, "tcp", listener.Addr().String())
	require.NoError(t, err)
	said, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "hello", string(said))

	_, err = two.DialContext(ctx, "tcp", listener.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "another namespace must not reach it")
	_, err = net.DialTimeout("tcp", listener.Addr().String(), time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "the host must not reach it")
}

func TestCommandsRunInsideAndRulesetsAreAtomic(t *testing.T) {
	h := open(t)
	ns, err := h.CreateNamespace("rules")
	require.NoError(t, err)
	ctx := context.Background()
	require.NoError(t, ns.Nft(ctx, "table inet lab { chain in { type filter hook input priority 0; }; }"))
	out, err := ns.Run(ctx, "", "nft", "list", "tables")
	require.NoError(t, err)
	require.Equal(t, "table inet lab", strings.TrimSpace(out))

	err = ns.Nft(ctx, "table inet more { }\ntable inet broken { chain }")
	require.ErrorContains(t, err, "syntax error")
	out, err = ns.Run(ctx, "", "nft", "list", "tables")
	require.NoError(t, err)
	require.NotContains(t, out, "more", "a broken ruleset must change nothing")
}

func TestAProcessIsStartedAgainUntilItIsStopped(t *testing.T) {
	var out lockedBuffer
	exits := make(chan error, 100)
	p, err := host.StartProcess(host.ProcessSpec{
		Name:    "echo",
		Command: func() *exec.Cmd { return exec.Command("sh", "-c", "echo once; sleep 0.01; exit 3") },
		Output:  &out, Restart: true, Delay: time.Millisecond,
		Exited: func(err error) { exits <- err },
	})
	require.NoError(t, err)
	for range 3 {
		require.ErrorContains(t, <-exits, "exit status 3")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, p.Stop(ctx, syscall.SIGTERM))
	require.GreaterOrEqual(t, strings.Count(out.String(), "once"), 3)
}

func TestStopKillsWhatIgnoresTheSignal(t *testing.T) {
	p, err := host.StartProcess(host.ProcessSpec{
		Name:    "stubborn",
		Command: func() *exec.Cmd { return exec.Command("sh", "-c", "trap '' TERM; while :; do sleep 1; done") },
	})
	require.NoError(t, err)
	pid := p.PID()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, p.Stop(ctx, syscall.SIGTERM))
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func TestManyConnectionsWaitWithoutThreads(t *testing.T) {
	h := open(t)
	ns, err := h.CreateNamespace("silent")
	require.NoError(t, err)
	_, err = ns.Run(t.Context(), "", "sh", "-c", "ip route add local 192.0.2.0/24 dev lo && nft 'add table ip t; add chain ip t c { type filter hook input priority 0; }; add rule ip t c ip daddr 192.0.2.1 drop'")
	require.NoError(t, err)
	threads := func() int {
		entries, err := os.ReadDir("/proc/self/task")
		require.NoError(t, err)
		return len(entries)
	}
	before := threads()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	errs := make(chan error, 300)
	for range cap(errs) {
		group.Go(func() {
			_, err := ns.DialContext(ctx, "tcp4", "192.0.2.1:80") // nobody answers
			errs <- err
		})
	}
	time.Sleep(200 * time.Millisecond)
	require.Less(t, threads(), before+100)
	require.Empty(t, errs, "they wait")
	cancel()
	group.Wait()
	close(errs)
	for err := range errs {
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err = ns.DialContext(t.Context(), "tcp4", "192.0.2.2:80")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, ns.Close())
	_, err = ns.DialContext(t.Context(), "tcp4", "192.0.2.2:80")
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, ns.Close())
}
