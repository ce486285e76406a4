// Package daemon starts and ends the lab as a background process that can leave nothing behind.
//
// The lab's first process, init, is PID 1 of a pid namespace and owner of a mount namespace. It starts the serving
// process, reaps orphans, and ends when that ends. Whichever of the two is killed, and however, the kernel then kills
// every process of the lab, and with them go its mounts, network namespaces and loop devices.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"haven/lab/control"
)

// LogFile is the lab's log, below its folder.
const LogFile = "lab.log"

// Options tell how to start the lab.
type Options struct {
	Dir     string   // the lab's folder
	Command []string // what the init process runs: the serving command
	Init    []string // the init command, to which Command is appended
	Wait    time.Duration
	// Before is asked, in the caller's own namespaces, whether anything is in the way; nil: nothing can be.
	Before func() error
}

// Start starts the lab and returns when it answers, or with the end of its log when it does not.
func Start(ctx context.Context, options Options) (control.Status, error) {
	client := control.NewClient(options.Dir)
	if status, err := client.Status(ctx); err == nil {
		return status, fmt.Errorf("starting the lab: it is running already (process %d, endpoint %s); type: haven lab status", status.PID, status.Endpoint)
	}
	if options.Before != nil {
		if err := options.Before(); err != nil {
			return control.Status{}, err
		}
	}
	if err := os.MkdirAll(options.Dir, 0o711); err != nil {
		return control.Status{}, fmt.Errorf("making the lab's folder: %w", err)
	}
	logPath := filepath.Join(options.Dir, LogFile)
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return control.Status{}, fmt.Errorf("opening the lab's log: %w", err)
	}
	defer log.Close()
	begin, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return control.Status{}, err
	}

	argv := append(append([]string{}, options.Init...), options.Command...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC
	}
	if err := cmd.Start(); err != nil {
		return control.Status{}, fmt.Errorf("starting the lab: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return await(ctx, client, ended, options.Wait, func() string { return logSince(logPath, begin) })
}

func await(ctx context.Context, client *control.Client, ended <-chan error, limit time.Duration, log func() string) (control.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return control.Status{}, fmt.Errorf("starting the lab: it ended at once (%v):\n%s", err, log())
		case <-ctx.Done():
			return control.Status{}, fmt.Errorf("starting the lab: it did not answer within %s:\n%s", limit, log())
		case <-tick.C:
			if status, err := client.Status(ctx); err == nil {
				return status, nil
			}
		}
	}
}

func logSince(path string, offset int64) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err.Error()
	}
	text, _ := io.ReadAll(io.LimitReader(file, 16<<10))
	return strings.TrimSpace(string(text))
}

// Stop asks the lab to end and waits until it has; when the context ends first, it kills the lab. A lab that does
// not run is no error; running tells whether one did.
func Stop(ctx context.Context, dir string) (running bool, err error) {
	client := control.NewClient(dir)
	status, err := client.Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	if err := client.Stop(ctx); err != nil {
		return true, err
	}
	for {
		select {
		case <-ctx.Done():
			return true, kill(status.PID)
		case <-time.After(20 * time.Millisecond):
			if errors.Is(syscall.Kill(status.PID, 0), syscall.ESRCH) {
				return true, nil
			}
		}
	}
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing the lab (process %d), which did not end by itself: %w", pid, err)
	}
	return nil
}
