package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const commandLimit = 10 * time.Minute

// commands runs the project's own commands in its folder.
type commands struct {
	root string
}

// failure is a command that ended badly.
type failure struct {
	command string
	code    int // -1 when it was ended from outside
	said    string
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: exit code %d: %s", f.command, f.code, f.said)
}

func (c commands) haven(ctx context.Context, arguments ...string) ([]byte, error) {
	return c.run(ctx, filepath.Join(c.root, ".haven", "bin", "haven"), arguments...)
}

func (c commands) pulumi(ctx context.Context, arguments ...string) ([]byte, error) {
	return c.run(ctx, filepath.Join(c.root, "scripts", "pulumi"), arguments...)
}

// run returns what the command printed. When the context ends the command is interrupted as by Ctrl-C, so that it can tidy up.
func (c commands) run(ctx context.Context, name string, arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.root, &out, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = &failure{filepath.Base(name) + " " + strings.Join(arguments, " "), exit.ExitCode(), lastLines(said.String()+out.String(), 12)}
	}
	return out.Bytes(), err
}

// decode runs a haven command that prints JSON.
func (c commands) decode(ctx context.Context, into any, arguments ...string) error {
	raw, err := c.haven(ctx, append(arguments, "--output", "json")...)
	if len(raw) == 0 {
		return errors.Join(err, fmt.Errorf("haven %s printed nothing", strings.Join(arguments, " ")))
	}
	return json.Unmarshal(raw, into) // an exit code beside output tells what is not well, and so does the output
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
