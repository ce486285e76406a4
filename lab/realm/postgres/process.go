package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"haven/lab/realm/host"
)

// command returns a program of the server's, run by the server's user, in a folder that it may read.
func (a account) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(a.bin, program), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid}}
	return cmd
}

// run runs a program of the server's to its end and returns its output in the error.
func (a account) run(ctx context.Context, program string, args ...string) error {
	out, err := a.command(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s: %w: %s", program, err, lastLines(string(out), 5))
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// launch starts the member's server inside its namespace. Its end wakes the cluster.
func (m *member) launch() error {
	if err := killIn(m.data()); err != nil {
		return err
	}
	if err := mountVolume(m.cluster.ctx, m.store()); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(m.data(), "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := m.cluster.manager.makeOwned(m.sockets()); err != nil {
		return err
	}
	died := make(chan struct{})
	process, err := host.StartProcess(host.ProcessSpec{
		Name:      "postgres of " + m.spec().Name,
		Namespace: m.spec().Namespace,
		Command: func() *exec.Cmd {
			return m.cluster.manager.account.command(context.Background(), "postgres",
				"-D", m.data(), "-c", "config_file="+filepath.Join(m.conf(), "postgresql.conf"))
		},
		Output: m.log.pipe,
		Exited: func(error) { close(died) },
	})
	if err != nil {
		return err
	}
	m.setProcess(process)
	go func() {
		<-process.Done()
		// What the postmaster leaves behind might still finish a commit: gone means gone to the last process.
		if err := killIn(m.data()); err != nil {
			m.cluster.log.Error("killing what a dead postmaster left", "member", m.spec().Name, "error", err)
		}
		select {
		case <-died:
			m.crashed(process)
		default:
		}
		m.clearProcess(process)
		m.cluster.wakeUp()
	}()
	return nil
}

// halt stops the server: cleanly within the time given, by force after that.
func (m *member) halt(clean time.Duration) error {
	m.closeSession()
	if process := m.running(); process != nil {
		ctx, cancel := context.WithTimeout(context.Background(), clean)
		defer cancel()
		signal := syscall.SIGINT // fast shutdown: readers get everything, sessions are ended
		if clean == 0 {
			signal = syscall.SIGKILL
		}
		if err := process.Stop(ctx, signal); err != nil {
			return fmt.Errorf("stopping the server of %s: %w", m.spec().Name, err)
		}
	}
	return killIn(m.data())
}

// killIn kills every process whose working directory is dir, as that of all processes of a server is, and returns
// when none is left.
func killIn(dir string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		left, err := processesIn(dir)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("killing the processes of %s: %v do not end", dir, left)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func processesIn(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		if err == nil && cwd == dir {
			found = append(found, pid)
		}
	}
	return found, nil
}

// serverLog keeps a server's output in a file of bounded size and hands out its lines. Servers write into the pipe
// itself, so that waiting for a postmaster never waits for what it leaves behind.
type serverLog struct {
	pipe *os.File
}

const logLimit = 8 << 20 // bytes; one older file is kept

func openLog(path string, line func(string)) (*serverLog, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the pipe of a server's log: %w", err)
	}
	go func() {
		defer reader.Close()
		lines := bufio.NewReaderSize(reader, 64<<10)
		for {
			text, err := lines.ReadString('\n')
			if text != "" {
				appendLine(path, text)
				if line != nil {
					line(strings.TrimSuffix(text, "\n"))
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return &serverLog{pipe: writer}, nil
}

func appendLine(path, text string) {
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		_ = os.Rename(path, path+".1") // a log that can't rotate just grows
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // its folder was removed with the member
	}
	defer file.Close()
	_, _ = file.WriteString(text)
}
