package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"haven/lab"
	"haven/lab/daemon"
	"haven/lab/realm/host"
	"haven/lab/realm/machine"
	"haven/lab/realm/mirror"
)

// insideVariable is set in the process that has namespaces of its own.
const insideVariable = "HAVEN_CONFORMANCE_INSIDE"

// Main runs a package's tests inside namespaces of their own and returns the exit code. The test binary is also the
// lab's init, its serving process, what its instances run, and the web server and client on them.
func Main(m *testing.M) int {
	mirror.Dispatch()
	machine.Dispatch()
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "lab-init":
			return exitCode(daemon.Init(os.Args[2:]))
		case "lab-serve":
			return serveLab(os.Args[2])
		case "web-server":
			return exitCode(1, serveWeb(os.Args[2]))
		case "web-client":
			return exitCode(0, askWeb(os.Args[2:]))
		case "read-object":
			return exitCode(0, readObject(os.Args[2], os.Args[3], os.Args[4]))
		case "database-client":
			return exitCode(0, beDatabaseClient(os.Args[2]))
		}
	}
	if host.Privileged() != nil {
		return m.Run() // each test says why it is skipped
	}
	if os.Getenv(insideVariable) == "" {
		return exitCode(rerun())
	}
	if err := settleIn(); err != nil {
		return exitCode(1, err)
	}
	defer shared.end()
	return m.Run()
}

func exitCode(code int, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		return max(code, 1)
	}
	return code
}

// rerun runs this very program again as the first process of new namespaces: when it ends, or is killed, or this
// process is, the kernel ends everything in them.
func rerun() (int, error) {
	runtime.LockOSThread() // the parent-death signal follows the thread
	self, err := os.Executable()
	if err != nil {
		return 1, fmt.Errorf("finding the own executable: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("starting the tests in namespaces of their own: %w", err)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// settleIn gives the new namespaces a loopback interface and a /proc that shows their processes.
func settleIn() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("setting the loopback interface up: %w", err)
	}
	return nil
}

func serveLab(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return exitCode(0, lab.Serve(ctx, lab.Config{Dir: dir, Address: address}))
}
