package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

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
	body, err := json.Marshal(in)
	if err != nil {
		return result, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://init/exec", bytes.NewReader(body))
	if err != nil {
		return result, err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return result, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return result, fmt.Errorf("the init answered %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&result); err != nil {
		return result, err
	}
	if result.Error != "" {
		return result, errors.New(result.Error)
	}
	return result, nil
}
