package host_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
)

func TestProcessesOfANamespaceHangByNameAndGoOn(t *testing.T) {
	h := open(t)
	ns, err := h.CreateNamespace("hanging")
	require.NoError(t, err)
	t.Cleanup(func() { ns.Close() })
	other, err := h.CreateNamespace("other")
	require.NoError(t, err)
	t.Cleanup(func() { other.Close() })
	start := func(in *host.Namespace, name string, args ...string) {
		cmd := exec.Command(name, args...)
		require.NoError(t, in.Start(cmd))
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	start(ns, "sleep", "60")
	start(ns, "sh", "-c", "tail -f /dev/null; true") // a child of its own
	start(other, "sleep", "60")
	require.Eventually(t, func() bool { _, of, _ := ns.Hanging(host.Everyone); return of == 3 }, 10*time.Second, 10*time.Millisecond)
	check := func(stopped int, names ...string) {
		t.Helper()
		require.Eventually(t, func() bool { got, _, err := ns.Hanging(names...); return err == nil && got == stopped }, 5*time.Second, 10*time.Millisecond)
	}
	require.NoError(t, ns.Hang("sleep"))
	check(1, host.Everyone)
	require.NoError(t, ns.Hang("sh", "sleep"))
	check(2, "sh") // with its child
	check(3, host.Everyone)
	require.NoError(t, ns.Hang("tail"))
	check(1, host.Everyone)
	require.NoError(t, ns.Hang(host.Everyone))
	check(3, host.Everyone)
	require.NoError(t, ns.Hang())
	check(0, host.Everyone)
	stopped, of, err := other.Hanging(host.Everyone)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1}, []int{stopped, of}, "another namespace's go on")
}
