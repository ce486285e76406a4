package machine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine"
)

// attached are the images below the lab's folder that loop devices are over.
func (l *lab) attached() (images []string) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	require.NoError(l.t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), l.dir) {
			images = append(images, strings.TrimSpace(string(text)))
		}
	}
	return images
}

func TestADiskIsAsLargeAsItsVolume(t *testing.T) {
	l := open(t)
	spec := l.spec("i-1", "")
	spec.DiskGiB = 1
	require.NoError(t, l.Start(t.Context(), spec))
	l.await("i-1")
	require.Equal(t, "1G", l.sh("i-1", "df -BG --output=size / | tail -1 | tr -d ' '"))
	l.sh("i-1", "fallocate -l 700M /var/lib/most")
	_, text, exit, err := l.Exec(t.Context(), "i-1", []string{"sh", "-c", "head -c 700M /dev/zero > /var/lib/more"}, nil)
	require.NoError(t, err)
	require.NotZero(t, exit)
	require.Contains(t, string(text), "No space left on device")
	require.Len(t, l.attached(), 1)

	used, ok := l.Usage("i-1")
	require.True(t, ok)
	require.NotZero(t, used.Volume.WriteBytes)
	require.NoError(t, l.Stop(t.Context(), "i-1", false))
	require.Empty(t, l.attached(), "a stopped machine's volume is on no device")
	require.NoError(t, l.Start(t.Context(), spec), "a machine boots from a full disk")
	require.Equal(t, "full", l.sh("i-1", "test -s /var/lib/more && echo full"))
	l.sh("i-1", "rm /var/lib/m*")
	l.sh("i-1", "head -c 100M /dev/zero > /var/lib/again")
	require.NoError(t, l.Delete(t.Context(), "i-1", false))
	require.Empty(t, l.attached())
}

func TestAMachineWithoutPowerKeepsItsDisk(t *testing.T) {
	l := open(t)
	l.boot("i-1", "#!/bin/sh\necho once >> /var/lib/ran\n")
	l.await("i-1")
	begun := time.Now()
	require.NoError(t, l.PowerOff(t.Context(), "i-1"))
	t.Logf("it was off after %s", time.Since(begun))
	require.Equal(t, machine.PhaseOff, l.observe("i-1").Phase)
	require.NoError(t, l.PowerOff(t.Context(), "i-1"), "twice is no error")
	l.boot("i-1", "#!/bin/sh\necho once >> /var/lib/ran\n")
	require.Equal(t, "once", l.sh("i-1", "cat /var/lib/ran"))
	require.Eventually(t, func() bool { return l.observe("i-1").Health == machine.HealthOK }, 30*time.Second, 10*time.Millisecond)
}

func TestScriptsOfTheAgent(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	l.await("i-1")
	run := func(ctx context.Context, text string, change func(*machine.Script)) machine.ScriptResult {
		script := machine.Script{Folder: "/var/lib/amazon/ssm/x", Text: text, Keep: 1 << 20, Environ: []string{"WHO=me"}}
		if change != nil {
			change(&script)
		}
		result, err := l.RunScript(ctx, "i-1", script)
		if err != nil {
			require.Error(t, ctx.Err())
		}
		return result
	}
	result := run(t.Context(), "echo $WHO in $PWD; echo wrong >&2; exit 7", nil)
	require.Equal(t, "me in /var/lib/amazon/ssm/x\n", string(result.Stdout))
	require.Equal(t, "wrong\n", string(result.Stderr))
	require.Equal(t, 7, result.Exit)
	require.Equal(t, "python\n", string(run(t.Context(), "#!/usr/bin/python3\nprint('python')", nil).Stdout))
	run(t.Context(), "nohup sleep 4321 > /dev/null 2>&1 &", nil)
	require.Equal(t, "1", l.sh("i-1", "pgrep -cf '^sleep 4321$'"), "what is left in the background goes on")
	require.True(t, run(t.Context(), "sleep 5432", func(s *machine.Script) { s.Timeout = 100 * time.Millisecond }).TimedOut)
	require.NotEmpty(t, run(t.Context(), "true", func(s *machine.Script) { s.Dir = "/nonexistent" }).Error)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	run(ctx, "sleep 6543", nil)
	require.Eventually(t, func() bool { return l.sh("i-1", "pgrep -cf '^sleep (5432|6543)$' || true") == "0" }, 20*time.Second, 20*time.Millisecond)
}
