package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"haven/lab/realm/machine/guest"
)

func transport(control *os.File) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return guest.Pass(control) }}
}

// Exec runs a command as root in a machine and returns what it printed (at most a megabyte each) and its exit code.
// When ctx ends, the command is killed. An error says that it was not run to its end.
func (m *Manager) Exec(ctx context.Context, id string, argv []string, stdin []byte) (stdout, stderr []byte, exit int, err error) {
	i, err := m.instance(id)
	if err != nil {
		return nil, nil, -1, err
	}
	p := i.current()
	if p == nil {
		return nil, nil, -1, fmt.Errorf("running %q in machine %s: it does not run", argv, id)
	}
	result, err := p.exec(ctx, guest.ExecRequest{Args: argv, Stdin: stdin})
	if err != nil {
		return nil, nil, -1, fmt.Errorf("running %q in machine %s: %w", argv, id, err)
	}
	return result.Stdout, result.Stderr, result.Exit, nil
}

func (p *process) exec(ctx context.Context, in guest.ExecRequest) (result guest.ExecResult, err error) {
	err = p.post(ctx, "/exec", in, &result)
	if err == nil && result.Error != "" {
		err = errors.New(result.Error)
	}
	return result, err
}

// post asks the init for something; out, when it is not nil, gets the answer.
func (p *process) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://init"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // as far as it tells
		return fmt.Errorf("the init answered %s: %s", response.Status, strings.TrimSpace(string(why)))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// Script is a shell script that Systems Manager's agent runs in a machine.
type Script = guest.Script

// ScriptResult is how a script ended.
type ScriptResult = guest.ScriptResult

// RunScript has a machine's agent run a script as root, as AWS's agent does: what it leaves in the background goes on,
// its outputs are files. When ctx ends, the script is killed. An error says that it was not run to its end.
func (m *Manager) RunScript(ctx context.Context, id string, script Script) (result ScriptResult, err error) {
	i, err := m.instance(id)
	if err != nil {
		return result, err
	}
	p := i.current()
	if p == nil {
		return result, fmt.Errorf("running a script in machine %s: it does not run", id)
	}
	if err := p.post(ctx, "/script", script, &result); err != nil {
		return result, fmt.Errorf("running a script in machine %s: %w", id, err)
	}
	return result, nil
}
