package guest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/systemd"
)

// readyFD is where the process called execName tells that it could not become the command.
const readyFD = 4

// order tells the process called execName what to become.
type order struct {
	Args       []string
	Environ    []string
	Context    systemd.Context
	Privileged bool
}

// stepError carries systemd's exit code for the step that failed:
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Process%20Exit%20Codes
type stepError struct {
	code int
	step string
	err  error
}

func (e stepError) Error() string { return fmt.Sprintf("Failed at step %s: %v", e.step, e.err) }

// become reads its order, makes the context and turns into the command.
func become() {
	runtime.LockOSThread() // no-new-privileges is the thread's that execs
	in, ready := os.NewFile(configFD, "order"), os.NewFile(readyFD, "ready")
	unix.CloseOnExec(readyFD)
	var o order
	text, err := io.ReadAll(in)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err == nil {
		err = in.Close()
	}
	if err == nil {
		err = o.carryOut()
	}
	fmt.Fprintln(os.Stderr, err)
	_, _ = ready.Write([]byte{1}) // nobody may be listening
	if step, ok := err.(stepError); ok {
		os.Exit(step.code)
	}
	os.Exit(255)
}

func (o order) carryOut() error {
	who, err := lookUp(o.Context)
	if err != nil {
		return err
	}
	if err := makeDirectories(o.Context, who); err != nil {
		return err
	}
	if needsNamespace(o.Context) {
		if err := isolate(o.Context); err != nil {
			return stepError{226, "NAMESPACE", err}
		}
	}
	for resource, n := range o.Context.Limits {
		if err := limitClosest(resource, n); err != nil {
			return stepError{205, "LIMITS", err}
		}
	}
	unix.Umask(o.Context.UMask)
	if !o.Privileged {
		if err := who.become(); err != nil {
			return err
		}
	}
	if err := enterDirectory(o.Context.Directory, who); err != nil {
		return stepError{200, "CHDIR", err}
	}
	if o.Context.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return stepError{227, "NO_NEW_PRIVILEGES", err}
		}
	}
	return o.exec(who)
}

// limitClosest sets a limit, or what comes closest where the host's own is lower and may not be raised: as systemd does.
func limitClosest(resource int, n uint64) error {
	err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n})
	var now syscall.Rlimit
	if err != syscall.EPERM || syscall.Getrlimit(resource, &now) != nil {
		return err
	}
	n = min(n, now.Max)
	return syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: n})
}

func (o order) exec(who identity) error {
	path := o.Args[0]
	if !strings.Contains(path, "/") {
		found, err := find(path)
		if err != nil {
			return stepError{203, "EXEC", err}
		}
		path = found
	}
	environ := append([]string{"PATH=" + searchPath, "LANG=C.UTF-8"}, who.environ()...)
	err := syscall.Exec(path, o.Args, unique(append(environ, o.Environ...)))
	return stepError{203, "EXEC", fmt.Errorf("%s: %w", path, err)}
}

func find(name string) (string, error) {
	for _, dir := range strings.Split(searchPath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, os.ErrNotExist)
}

// unique keeps the last assignment of each variable.
func unique(environ []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, assignment := range slices.Backward(environ) {
		name, _, _ := strings.Cut(assignment, "=")
		if !seen[name] {
			seen[name] = true
			out = append(out, assignment)
		}
	}
	slices.Reverse(out)
	return out
}

// identity is a user that a service runs as.
type identity struct {
	name, home, shell string
	uid, gid          int
	groups            []int
	set               bool
}

func lookUp(c systemd.Context) (identity, error) {
	who := identity{name: "root", home: "/root", shell: "/bin/sh"}
	if c.User != "" {
		account, err := user.Lookup(c.User)
		if err != nil {
			if account, err = user.LookupId(c.User); err != nil {
				return who, stepError{217, "USER", fmt.Errorf("there is no user %s", c.User)}
			}
		}
		who = identity{name: account.Username, home: account.HomeDir, shell: "/bin/sh", set: true}
		who.uid, _ = strconv.Atoi(account.Uid)
		who.gid, _ = strconv.Atoi(account.Gid)
		ids, _ := account.GroupIds() // none is as good
		for _, id := range ids {
			gid, _ := strconv.Atoi(id)
			who.groups = append(who.groups, gid)
		}
	}
	for i, name := range append([]string{c.Group}, c.Groups...) {
		if name == "" {
			continue
		}
		gid, err := groupID(name)
		if err != nil {
			return who, stepError{216, "GROUP", err}
		}
		who.set = true
		if i == 0 {
			who.gid = gid
		}
		who.groups = append(who.groups, gid)
	}
	return who, nil
}

func groupID(name string) (int, error) {
	if group, err := user.LookupGroup(name); err == nil {
		return strconv.Atoi(group.Gid)
	}
	if gid, err := strconv.Atoi(name); err == nil {
		return gid, nil
	}
	return 0, fmt.Errorf("there is no group %s", name)
}

func (i identity) become() error {
	if !i.set {
		return nil
	}
	if err := syscall.Setgroups(i.groups); err != nil {
		return stepError{216, "GROUP", err}
	}
	if err := syscall.Setgid(i.gid); err != nil {
		return stepError{216, "GROUP", err}
	}
	if err := syscall.Setuid(i.uid); err != nil {
		return stepError{217, "USER", err}
	}
	return nil
}

func (i identity) environ() []string {
	if !i.set {
		return nil
	}
	return []string{"USER=" + i.name, "LOGNAME=" + i.name, "HOME=" + i.home, "SHELL=" + i.shell}
}

func enterDirectory(dir string, who identity) error {
	optional := strings.HasPrefix(dir, "-")
	dir = strings.TrimPrefix(dir, "-")
	switch dir {
	case "":
		dir = "/"
	case "~":
		dir = who.home
	}
	if err := os.Chdir(dir); err != nil && !optional {
		return err
	}
	return nil
}

func makeDirectories(c systemd.Context, who identity) error {
	for _, d := range c.Directories {
		if err := os.MkdirAll(d.Path, os.FileMode(d.Mode)); err != nil {
			return stepError{238, "STATE_DIRECTORY", err}
		}
		if err := os.Chown(d.Path, who.uid, who.gid); err != nil {
			return stepError{238, "STATE_DIRECTORY", err}
		}
	}
	return nil
}
