package guest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Script is what Systems Manager's agent runs: a file of shell commands in a folder of its own.
type Script struct {
	Folder  string // where the agent keeps the script and its outputs
	Text    string
	Dir     string        // the working directory; empty: the folder
	Environ []string      // beside the agent's own
	Timeout time.Duration // then it is killed; 0: never
	Keep    int64         // bytes of each output that are wanted
}

// ScriptResult is how a script ended.
type ScriptResult struct {
	Exit           int
	Stdout, Stderr []byte // their beginnings
	TimedOut       bool
	Error          string // why it could not be run
}

// runScript does what the agent's plugin aws:runShellScript does. What the script leaves in the background goes on; when
// the context or its time ends, it is killed with all of its process group.
func (m *machine) runScript(ctx context.Context, in Script) (result ScriptResult) {
	path, out, errOut := filepath.Join(in.Folder, "_script.sh"), filepath.Join(in.Folder, "stdout"), filepath.Join(in.Folder, "stderr")
	status, err := m.startScript(ctx, in, path, out, errOut, &result)
	if err != nil {
		return ScriptResult{Exit: -1, Error: err.Error()}
	}
	result.Exit = exitCode(status)
	result.Stdout, result.Stderr = beginning(out, in.Keep), beginning(errOut, in.Keep)
	return result
}

func (m *machine) startScript(ctx context.Context, in Script, path, out, errOut string, result *ScriptResult) (status unix.WaitStatus, err error) {
	if err := os.MkdirAll(in.Folder, 0o700); err != nil {
		return 0, err
	}
	if err := os.WriteFile(path, []byte(in.Text), 0o700); err != nil {
		return 0, err
	}
	var files [2]*os.File
	for i, name := range []string{out, errOut} {
		file, err := os.Create(name)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		files[i] = file
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	dir := in.Dir
	if dir == "" {
		dir = in.Folder
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return 0, fmt.Errorf("the working directory %s is not there", dir)
	}
	environ := append([]string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8", "USER=root"}, in.Environ...)
	cmd := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", path}, Dir: dir, Env: environ, Stdin: null, Stdout: files[0], Stderr: files[1]}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pid, ended, err := m.reaper.start(cmd)
	if err != nil {
		return 0, err
	}
	var late <-chan time.Time
	if in.Timeout > 0 {
		timer := time.NewTimer(in.Timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case status = <-ended:
		return status, nil
	case <-late:
		result.TimedOut = true
	case <-ctx.Done():
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // it may have ended
	return <-ended, nil
}

// beginning reads the beginning of a file; what can't be read is nothing.
func beginning(path string, limit int64) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, limit))
	return text
}
