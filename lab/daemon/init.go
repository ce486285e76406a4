package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// HostPIDVariable tells the serving process its init's process id as the host sees it.
const HostPIDVariable = "HAVEN_LAB_HOST_PID"

// sharedMemory is where POSIX shared memory lives, see shm_overview(7).
const sharedMemory = "/dev/shm"

// Init is the first process of the lab: it runs argv and returns its exit code.
func Init(argv []string) (exit int, err error) {
	hostPID := os.Getpid()
	if hostPID == 1 {
		if hostPID, err = privateMounts(); err != nil {
			return 1, err
		}
	}
	child, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Env:   append(os.Environ(), fmt.Sprintf("%s=%d", HostPIDVariable, hostPID)),
	})
	if err != nil {
		return 1, fmt.Errorf("starting the lab's serving process: %w", err)
	}
	forward(child)
	return reap(child.Pid)
}

// privateMounts keeps every later mount from the host, shows the namespace's own processes in /proc, and gives the lab
// shared memory of its own: a database that is killed leaves its segments there. It returns this process's id as the
// host sees it, which only the host's /proc can tell.
func privateMounts() (hostPID int, err error) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return 0, fmt.Errorf("reading the own process id: %w", err)
	}
	if _, err := fmt.Sscan(self, &hostPID); err != nil {
		return 0, fmt.Errorf("reading the own process id %q: %w", self, err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("making the lab's mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return 0, fmt.Errorf("mounting the lab's /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", sharedMemory, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return 0, fmt.Errorf("mounting the lab's %s: %w", sharedMemory, err)
	}
	return hostPID, nil
}

func forward(child *os.Process) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			_ = child.Signal(s) // it may just have ended
		}
	}()
}

// reap waits for orphans and for the child, whose exit code it returns.
func reap(child int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 1, fmt.Errorf("waiting for the lab: %w", err)
		case pid == child && status.Exited():
			return status.ExitStatus(), nil
		case pid == child && status.Signaled():
			return 128 + int(status.Signal()), nil
		}
	}
}
