package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"haven/lab/control"
	"haven/lab/daemon"
)

// TestMain lets this binary be the lab's init and its serving process.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "init" {
		code, err := daemon.Init(os.Args[2:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}
	if len(os.Args) > 2 && os.Args[1] == "serve" {
		serve(os.Args[2])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "broken" {
		fmt.Fprintln(os.Stderr, "the disk is on fire")
		os.Exit(7)
	}
	os.Exit(m.Run())
}

// fake is a lab that only tells of itself.
type fake struct {
	control.Lab // nobody asks for the rest
	stopped     chan struct{}
}

func (f fake) Status(context.Context) (control.Status, error) {
	pid := 0
	_, err := fmt.Sscan(os.Getenv(daemon.HostPIDVariable), &pid)
	return control.Status{PID: pid, Endpoint: "http://127.0.0.1:1"}, err
}

func (f fake) Exec(context.Context, control.ExecRequest) (control.ExecResult, error) {
	return control.ExecResult{}, errors.New("nothing runs here")
}

func (f fake) Stop() { close(f.stopped) }

// segment is the shared memory that a fake lab leaves, as a killed database does: a System V segment's key and a POSIX name.
const segment = 0x68766e

func posixSegment(dir string) string {
	return filepath.Join("/dev/shm", filepath.Base(filepath.Dir(dir)))
}

// serve starts an orphan that ignores signals, as a database might be left, and answers until it is stopped.
func serve(dir string) {
	orphan := exec.Command("sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done", dir)
	orphan.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := orphan.Start(); err != nil {
		panic(err)
	}
	if _, err := unix.SysvShmGet(segment, 4096, unix.IPC_CREAT|0o600); err != nil {
		panic(err)
	}
	if err := os.WriteFile(posixSegment(dir), []byte("left"), 0o600); err != nil {
		panic(err)
	}
	listener, err := control.Listen(dir)
	if err != nil {
		panic(err)
	}
	f := fake{stopped: make(chan struct{})}
	go http.Serve(listener, control.Handler(f))
	<-f.stopped
}

func options(t *testing.T, dir string, command ...string) daemon.Options {
	self, err := os.Executable()
	require.NoError(t, err)
	return daemon.Options{Dir: dir, Wait: 20 * time.Second, Init: []string{self, "init"}, Command: append([]string{self}, command...)}
}

// start starts a fake lab, which is killed when the test ends.
func start(t *testing.T) (dir string, pid int) {
	t.Helper()
	dir = t.TempDir()
	t.Cleanup(func() {
		if pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	})
	status, err := daemon.Start(context.Background(), options(t, dir, "serve", dir))
	require.NoError(t, err)
	pid = status.PID
	return dir, pid
}

// processes are those that name a folder: the lab's own.
func processes(dir string) (found int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && strings.Contains(string(raw), dir) {
			found++
		}
	}
	return found
}

func TestALabIsStartedOnceAndStops(t *testing.T) {
	dir, pid := start(t)
	_, err := daemon.Start(context.Background(), options(t, dir, "serve", dir))
	require.ErrorContains(t, err, "running already")
	require.ErrorContains(t, err, fmt.Sprint("process ", pid))

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	running, err := daemon.Stop(ctx, dir)
	require.NoError(t, err)
	require.True(t, running)
	require.Eventually(t, func() bool { return processes(dir) == 0 }, 10*time.Second, 20*time.Millisecond)
	running, err = daemon.Stop(ctx, dir)
	require.NoError(t, err)
	require.False(t, running, "stopping twice is no error")
}

func TestAKilledLabLeavesNoProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a pid namespace needs root")
	}
	dir, pid := start(t)
	require.NotZero(t, processes(dir))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return processes(dir) == 0 }, 10*time.Second, 20*time.Millisecond, "the kernel must end them all")
	_, err := control.NewClient(dir).Status(context.Background())
	require.ErrorIs(t, err, control.ErrNotRunning)
}

func TestALabKeepsItsSharedMemoryFromTheHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ipc namespace needs root")
	}
	dir, _ := start(t)
	require.NoFileExists(t, posixSegment(dir))
	_, err := unix.SysvShmGet(segment, 4096, 0)
	require.ErrorIs(t, err, unix.ENOENT)
}

func TestAFailedStartTellsItsLog(t *testing.T) {
	_, err := daemon.Start(context.Background(), options(t, t.TempDir(), "broken"))
	require.ErrorContains(t, err, "the disk is on fire")
}

func TestWhatIsInTheWayIsAskedFirst(t *testing.T) {
	o := options(t, t.TempDir(), "broken")
	o.Before = func() error { return errors.New("the port is taken") }
	_, err := daemon.Start(context.Background(), o)
	require.EqualError(t, err, "the port is taken")
}
