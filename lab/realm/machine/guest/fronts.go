package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// fronts are the commands that the binary stands in for. Their work is done by the first process.
var fronts = map[string]func(name string, args []string) int{
	"systemctl": ask, "journalctl": ask, "shutdown": ask, "reboot": ask, "poweroff": ask, "halt": ask,
	"dnf": packages, "yum": packages, "amazon-linux-extras": packages,
	"hostnamectl": absent, "timedatectl": absent, "loginctl": absent,
}

// ask lets the first process do what is asked.
func ask(name string, args []string) int {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socketPath)
	}}}
	body, err := json.Marshal(commandRequest{Name: name, Args: args})
	if err != nil {
		return complain(name, err)
	}
	response, err := client.Post("http://init/command", "application/json", bytes.NewReader(body))
	if err != nil {
		return complain(name, fmt.Errorf("asking the init (are you root?): %w", err))
	}
	defer response.Body.Close()
	return show(response.Body, os.Stdout, os.Stderr, name)
}

func show(in io.Reader, out, errOut io.Writer, name string) int {
	for frames := json.NewDecoder(in); ; {
		var f Frame
		if err := frames.Decode(&f); err != nil {
			return complain(name, fmt.Errorf("the init went away: %w", err))
		}
		fmt.Fprint(out, f.Out)
		fmt.Fprint(errOut, f.Err)
		if f.Exit != nil {
			return *f.Exit
		}
	}
}

func complain(name string, err error) int {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	return 1
}

// packages refuses to install: an instance of the lab has the packages of the machine that the lab runs on.
func packages(name string, args []string) int {
	fmt.Fprintf(os.Stderr, "%s %s: the lab's machine image can't install packages: it has those of the machine that the lab runs on.\n"+
		"What is missing must be installed there (with its own package manager) before instances boot.\n", name, strings.Join(args, " "))
	return 1
}

func absent(name string, args []string) int {
	fmt.Fprintf(os.Stderr, "%s %s: the lab does not implement this command\n", name, strings.Join(args, " "))
	return 1
}
