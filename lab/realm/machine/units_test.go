package machine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// unit writes a unit file and starts it; it returns what systemctl said and its exit code.
func (l *lab) unit(id, name, text string) (said string, exit int) {
	l.t.Helper()
	script := fmt.Sprintf("cat > /etc/systemd/system/%s.service <<'UNIT'\n%s\nUNIT\nsystemctl daemon-reload\nsystemctl start %s 2>&1", name, text, name)
	out, _, exit, err := l.Exec(l.t.Context(), id, []string{"bash", "-c", script}, nil)
	require.NoError(l.t, err)
	return string(out), exit
}

func (l *lab) journal(id, name string) string {
	l.t.Helper()
	return l.sh(id, "journalctl -u "+name)
}

func (l *lab) becomes(id, name, state string) {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		out, _, _, err := l.Exec(l.t.Context(), id, []string{"systemctl", "is-active", name}, nil)
		return err == nil && strings.TrimSpace(string(out)) == state
	}, 20*time.Second, 10*time.Millisecond, "%s must become %s", name, state)
}

func TestUnits(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	l.await("i-1")

	t.Run("a oneshot is started when it has ended", func(t *testing.T) {
		_, exit := l.unit("i-1", "once", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'echo first'\nExecStart=/bin/sh -c 'echo second'\nExecStop=/bin/sh -c 'echo undone'")
		require.Zero(t, exit)
		require.Regexp(t, `(?s)first.*second.*Finished`, l.journal("i-1", "once"))
		require.Equal(t, "active", l.sh("i-1", "systemctl is-active once"))
		l.sh("i-1", "systemctl stop once")
		require.Contains(t, l.journal("i-1", "once"), "undone")
	})
	t.Run("a oneshot that fails fails the start", func(t *testing.T) {
		said, exit := l.unit("i-1", "bad", "[Service]\nType=oneshot\nExecStart=/bin/false")
		require.Equal(t, 1, exit)
		require.Contains(t, said, "Job for bad.service failed because the control process exited with error code.")
		l.becomes("i-1", "bad", "failed")
	})
	t.Run("a unit that is restarted too often fails", func(t *testing.T) {
		l.unit("i-1", "flaky", "[Service]\nExecStart=/bin/false\nRestart=on-failure\nRestartSec=1ms")
		l.becomes("i-1", "flaky", "failed")
		require.Contains(t, l.journal("i-1", "flaky"), "start-limit-hit")
		require.Equal(t, 5, strings.Count(l.journal("i-1", "flaky"), "Started flaky"))
	})
	t.Run("on-failure leaves a success alone", func(t *testing.T) {
		l.unit("i-1", "fine", "[Service]\nExecStart=/bin/true\nRestart=on-failure")
		l.becomes("i-1", "fine", "inactive")
	})
	t.Run("a command before that fails, fails the unit", func(t *testing.T) {
		_, exit := l.unit("i-1", "before", "[Service]\nExecStartPre=-/bin/false\nExecStartPre=/bin/sh -c 'exit 7'\nExecStart=/bin/sleep 1000")
		require.Equal(t, 1, exit)
		require.Contains(t, l.journal("i-1", "before"), "status=7")
	})
	t.Run("type exec tells when the command can't be run, simple does not", func(t *testing.T) {
		_, exit := l.unit("i-1", "nocommand", "[Service]\nType=exec\nExecStart=/nonexistent")
		require.Equal(t, 1, exit)
		_, exit = l.unit("i-1", "nocommand2", "[Service]\nExecStart=/nonexistent")
		require.Zero(t, exit)
		l.becomes("i-1", "nocommand2", "failed")
		require.Contains(t, l.journal("i-1", "nocommand2"), "status=203")
		_, exit = l.unit("i-1", "command", "[Service]\nType=exec\nExecStart=/bin/sleep 1000")
		require.Zero(t, exit)
	})
	t.Run("systemd's exit codes for a context that can't be made", func(t *testing.T) {
		for status, line := range map[int]string{217: "User=nobody-here", 216: "Group=nobody-here", 200: "WorkingDirectory=/nonexistent", 226: "ProtectSystem=strict\nReadWritePaths=/nonexistent"} {
			name := fmt.Sprint("context", status)
			l.unit("i-1", name, "[Service]\nExecStart=/bin/true\n"+line)
			l.becomes("i-1", name, "failed")
			require.Contains(t, l.journal("i-1", name), fmt.Sprint("status=", status))
		}
	})
	t.Run("a missing environment file fails the unit", func(t *testing.T) {
		_, exit := l.unit("i-1", "environment", "[Service]\nEnvironmentFile=/nonexistent\nExecStart=/bin/true")
		require.Equal(t, 1, exit)
		require.Contains(t, l.journal("i-1", "environment"), "Failed to load environment files")
	})
	t.Run("what is required is started first, and its failure is its dependents'", func(t *testing.T) {
		l.unit("i-1", "base", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true")
		l.sh("i-1", "systemctl stop base")
		_, exit := l.unit("i-1", "above", "[Unit]\nRequires=base.service\nAfter=base.service\n[Service]\nExecStart=/bin/sleep 1000")
		require.Zero(t, exit)
		require.Equal(t, "active", l.sh("i-1", "systemctl is-active base"))
		_, exit = l.unit("i-1", "above2", "[Unit]\nRequires=bad.service\nAfter=bad.service\n[Service]\nExecStart=/bin/sleep 1000")
		require.Equal(t, 1, exit)
	})
	t.Run("a stop takes the whole group along", func(t *testing.T) {
		l.unit("i-1", "family", "[Service]\nExecStart=/bin/bash -c 'sleep 7654 & sleep 7654'")
		require.Eventually(t, func() bool { return l.sh("i-1", "pgrep -cf '^sleep 7654$' || true") == "2" }, 20*time.Second, 10*time.Millisecond)
		l.sh("i-1", "systemctl stop family")
		require.Equal(t, "0", l.sh("i-1", "pgrep -cf '^sleep 7654$' || true"))
	})
	t.Run("what ignores the signal is killed in time", func(t *testing.T) {
		l.unit("i-1", "deaf", "[Service]\nTimeoutStopSec=200ms\nExecStart=/bin/bash -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'")
		require.Eventually(t, func() bool { return strings.Contains(l.journal("i-1", "deaf"), "ready") }, 20*time.Second, 10*time.Millisecond)
		l.sh("i-1", "systemctl stop deaf")
		require.Contains(t, l.journal("i-1", "deaf"), "timed out. Killing")
	})
	t.Run("what takes its time to stop can be killed meanwhile, and stays stopped", func(t *testing.T) {
		l.unit("i-1", "patient", "[Service]\nRestart=always\nRestartSec=0\nExecStart=/bin/bash -c 'trap \"\" TERM; echo ready; while :; do sleep 1; done'")
		require.Eventually(t, func() bool { return strings.Contains(l.journal("i-1", "patient"), "ready") }, 20*time.Second, 10*time.Millisecond)
		begun := time.Now()
		l.sh("i-1", "systemctl stop --no-block patient && systemctl kill -s KILL patient")
		require.Eventually(t, func() bool { return l.sh("i-1", "systemctl is-active patient || true") == "inactive" }, 20*time.Second, 10*time.Millisecond)
		require.Less(t, time.Since(begun), 45*time.Second, "its time to stop is 90 s")
		time.Sleep(200 * time.Millisecond)
		require.Equal(t, "inactive", l.sh("i-1", "systemctl is-active patient || true"))
	})
	t.Run("a changed file counts after daemon-reload", func(t *testing.T) {
		l.unit("i-1", "changing", "[Service]\nType=oneshot\nExecStart=/bin/echo old")
		l.sh("i-1", "sed -i s/old/new/ /etc/systemd/system/changing.service && systemctl start changing")
		require.NotContains(t, l.journal("i-1", "changing"), "new")
		l.sh("i-1", "systemctl daemon-reload && systemctl start changing")
		require.Contains(t, l.journal("i-1", "changing"), "new")
	})
	t.Run("what the lab lacks is refused by name", func(t *testing.T) {
		for command, why := range map[string]string{
			"systemctl start nothing":         "Unit nothing.service not found",
			"systemctl start x.socket":        "of type service only",
			"systemctl isolate rescue.target": "does not implement \"isolate\"",
			"systemctl start --wait x":        "does not implement the option --wait",
			"journalctl --since today":        "does not implement the option --since",
			"timedatectl":                     "does not implement",
		} {
			out, errOut, exit, err := l.Exec(t.Context(), "i-1", []string{"bash", "-c", command}, nil)
			require.NoError(t, err)
			require.NotZero(t, exit, command)
			require.Contains(t, string(out)+string(errOut), why, command)
		}
	})
	t.Run("odd keys are told", func(t *testing.T) {
		l.unit("i-1", "odd", "[Service]\nType=oneshot\nExecStart=/bin/true\nFrobnicate=1\nMemoryMax=1G")
		require.Contains(t, l.sh("i-1", "journalctl"), "Unknown key name 'Frobnicate' in section 'Service', ignoring.")
		require.Contains(t, l.sh("i-1", "journalctl"), "MemoryMax= is accepted, but the lab does not enforce it")
	})
}

func TestAGreedyProcessDoesNotEndItsMachine(t *testing.T) {
	l := open(t)
	spec := l.spec("i-1", "")
	spec.MemoryMiB = 256
	require.NoError(t, l.Start(t.Context(), spec))
	l.await("i-1")
	if _, ok := l.Usage("i-1"); !ok {
		t.Skip("there are no cgroup v1 controllers here")
	}
	_, _, exit, err := l.Exec(t.Context(), "i-1", []string{"python3", "-c", "x = bytearray(10**9)"}, nil)
	require.NoError(t, err)
	require.NotZero(t, exit)
	require.Equal(t, "alive", l.sh("i-1", "echo alive"))
}
