package guest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// User data runs once in an instance's life, on its first boot, as cloud-init does:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
const (
	cloudFolder = "/var/lib/cloud/instance"
	ranFile     = cloudFolder + "/sem/config_scripts_user"
	maxUserData = 10 << 20 // unpacked
)

// scripts returns the scripts in user data, which may be packed with gzip and be a MIME message of several parts. Forms
// that cloud-init knows and the lab does not are errors.
func scripts(data []byte) ([][]byte, error) {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		unpacked, err := gunzip(data)
		if err != nil {
			return nil, err
		}
		data = unpacked
	}
	switch text := string(data[:min(len(data), 64)]); {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil
	case strings.HasPrefix(text, "#!"):
		return [][]byte{data}, nil
	case strings.HasPrefix(text, "Content-Type:"), strings.HasPrefix(text, "MIME-Version:"):
		return parts(data)
	case strings.HasPrefix(text, "#cloud-config"), strings.HasPrefix(text, "#include"), strings.HasPrefix(text, "#cloud-boothook"),
		strings.HasPrefix(text, "#part-handler"), strings.HasPrefix(text, "## template: jinja"):
		return nil, fmt.Errorf("the lab runs user data that is a script (#!) and does not implement %q", strings.SplitN(text, "\n", 2)[0])
	}
	return nil, errors.New("unhandled user data: it begins with neither #! nor a MIME header")
}

func gunzip(data []byte) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking the user data: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(in, maxUserData+1))
	if err != nil {
		return nil, fmt.Errorf("unpacking the user data: %w", err)
	}
	if len(out) > maxUserData {
		return nil, fmt.Errorf("unpacking the user data: it is larger than %d bytes", maxUserData)
	}
	return out, nil
}

func parts(data []byte) ([][]byte, error) {
	message, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("reading the user data's MIME header: %w", err)
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return nil, fmt.Errorf("the user data's MIME type %q is not multipart", message.Header.Get("Content-Type"))
	}
	var all [][]byte
	for reader := multipart.NewReader(message.Body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the user data's parts: %w", err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if kind != "text/x-shellscript" {
			return nil, fmt.Errorf("the lab does not implement user data of type %q", kind)
		}
		text, err := io.ReadAll(io.LimitReader(part, maxUserData))
		if err != nil {
			return nil, fmt.Errorf("reading the user data's parts: %w", err)
		}
		all = append(all, text)
	}
}

// runUserData runs the scripts one after the other and returns the first exit code that is not zero.
func runUserData(data []byte, r *reaper, j *journal) (exit int, err error) {
	all, err := scripts(data)
	if err != nil {
		return -1, err
	}
	if err := os.MkdirAll(filepath.Dir(ranFile), 0o755); err != nil {
		return -1, err
	}
	if err := os.WriteFile(ranFile, nil, 0o644); err != nil { // before it runs: a reboot in the middle does not run it again
		return -1, err
	}
	for i, script := range all {
		code, err := runScript(i, script, r, j)
		if err != nil {
			return -1, err
		}
		if code != 0 {
			j.say("cloud-init", "Failed to run script part-%03d: it exited with %d", i+1, code)
			if exit == 0 {
				exit = code
			}
		}
	}
	return exit, nil
}

func runScript(i int, script []byte, r *reaper, j *journal) (int, error) {
	path := filepath.Join(cloudFolder, "scripts", fmt.Sprintf("part-%03d", i+1))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	if err := os.WriteFile(path, script, 0o700); err != nil {
		return 0, err
	}
	out, err := j.writer("cloud-init")
	if err != nil {
		return 0, err
	}
	defer out.Close()
	cmd := &exec.Cmd{Path: path, Args: []string{path}, Dir: "/", Env: []string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8", "USER=root", "SHELL=/bin/bash"}, Stdout: out, Stderr: out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_, ended, err := r.start(cmd)
	if err != nil {
		return 0, fmt.Errorf("starting the user data: %w", err)
	}
	return exitCode(<-ended), nil
}

// exitCode is the code that a shell would show.
func exitCode(status unix.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
