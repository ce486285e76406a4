package failover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/undo"
)

// killed is the drill that is killed: it leaves an experiment that holds for minutes.
const killed = "failover/zone/black-holed"

// TestAKilledDrillIsHealed kills a drill while a zone is cut off. What it left is named, and the next run puts it back first.
func TestAKilledDrillIsHealed(t *testing.T) {
	if os.Getenv("HAVEN_FAILOVER") != "lab" {
		t.Skip("set HAVEN_FAILOVER=lab, with the lab's environment up")
	}
	root := project(t)
	left := filepath.Join(root, ".haven", undo.Name)
	require.NoFileExists(t, left, "another drill runs, or was killed")
	t.Cleanup(func() { // whatever happens below
		if _, err := os.Stat(left); err == nil {
			said, err := haven(context.Background(), root, "drill", "run", "--only", "failover/firewall/known-bad", "--times", "1", "--plan", "never")
			require.NoError(t, err, said)
		}
	})
	kill(t, root)
	require.FileExists(t, left)
	said, err := haven(t.Context(), root, "lab", "status")
	require.NoError(t, err, said)
	require.Contains(t, said, "A drill has not put back: experiments of ", "lab status names what is left")

	said, err = haven(t.Context(), root, "drill", "run", "--only", "failover/firewall/known-bad", "--times", "1")
	require.NoError(t, err, said)
	require.Contains(t, said, "left over by a drill that was killed: putting back experiments of ")
	require.NoFileExists(t, left)
	said, err = haven(t.Context(), root, "lab", "status")
	require.NoError(t, err)
	require.NotContains(t, said, "A drill has not put back")
}

// kill begins a drill and kills it, with no chance to tidy up, once the fault's effect was seen.
func kill(t *testing.T, root string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, ".haven", "bin", "haven"), "drill", "run", "--only", killed, "--plan", "never")
	cmd.Dir = root
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	limit := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	broken := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		t.Log(lines.Text())
		if strings.HasSuffix(lines.Text(), " is broken") {
			broken = true
			require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		}
	}
	err = cmd.Wait()
	require.True(t, broken, "it ended before anything was broken: %v", err)
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit) && !exit.Exited(), "it was not killed: %v", err)
}

// haven runs a command of the project and returns all that it said.
func haven(ctx context.Context, root string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(root, ".haven", "bin", "haven"), arguments...)
	cmd.Dir = root
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	return said.String(), err
}
