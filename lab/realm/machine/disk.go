package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/guest"
)

// A machine's disk is a layer over the host's root, in folders of its volume.
const (
	upperFolder = guest.UpperFolder
	workFolder  = guest.WorkFolder
	rootFolder  = "root" // where layer and host are joined, inside the machine's mount namespace only
)

// merged are the host's folders that machines see; of every other one they see nothing. fresh ones exist, but empty.
var (
	merged = map[string]bool{"bin": true, "sbin": true, "lib": true, "lib32": true, "lib64": true, "libx32": true, "usr": true, "etc": true}
	fresh  = map[string]os.FileMode{
		"proc": 0o555, "sys": 0o555, "dev": 0o755, "run": 0o755, "tmp": 0o777 | os.ModeSticky, "var": 0o755, "home": 0o755, "root": 0o700,
		"opt": 0o755, "srv": 0o755, "mnt": 0o755, "media": 0o755, "boot": 0o755,
		"var/lib": 0o755, "var/log": 0o755, "var/cache": 0o755, "var/spool": 0o755, "var/mail": 0o755, "var/tmp": 0o777 | os.ModeSticky,
		"etc/systemd/system": 0o755, "etc/ssl/private": 0o700, "etc/ssh": 0o755, "etc/apt": 0o755, "etc/sudoers.d": 0o750,
	}
)

// prepareDisk opens the machine's volume, makes the layer when there is none, and on every boot writes what belongs to
// the machine's network.
func prepareDisk(dir string, opts Options, spec Spec) (*volume, error) {
	for _, name := range []string{diskFolder, rootFolder} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	v, err := openVolume(dir, spec.DiskGiB)
	if err != nil {
		return nil, err
	}
	if err := prepareLayer(v.path(), opts, spec); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func prepareLayer(dir string, opts Options, spec Spec) error {
	upper := filepath.Join(dir, upperFolder)
	if _, err := os.Stat(upper); errors.Is(err, os.ErrNotExist) {
		if err := makeLayer(dir, opts, spec); err != nil {
			return err
		}
	}
	return writeNetwork(upper, opts, spec)
}

// writeNetwork leaves what it can't write: a disk that is full boots with what it has.
func writeNetwork(upper string, opts Options, spec Spec) error {
	root, err := os.OpenRoot(upper) // what the machine wrote must not lead out of its layer
	if err != nil {
		return err
	}
	defer root.Close()
	for name, text := range networkFiles(opts, spec) {
		if was, err := root.ReadFile(name); err == nil && string(was) == text {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := root.WriteFile(name, []byte(text), 0o644); err != nil && !errors.Is(err, unix.ENOSPC) {
			return err
		}
	}
	return nil
}

func networkFiles(opts Options, spec Spec) map[string]string {
	short, domain, _ := strings.Cut(spec.Hostname, ".")
	search := ""
	if domain != "" {
		search = "search " + domain + "\n"
	}
	return map[string]string{
		"etc/resolv.conf": fmt.Sprintf("%snameserver %s\noptions timeout:2 attempts:5\n", search, opts.Resolver),
		"etc/hostname":    spec.Hostname + "\n",
		"etc/hosts":       fmt.Sprintf("127.0.0.1 localhost localhost.localdomain\n::1 localhost localhost.localdomain\n%s %s %s\n", spec.Interface.Address, spec.Hostname, short),
	}
}

// makeLayer makes the layer under another name first: a kill leaves no half of one.
func makeLayer(dir string, opts Options, spec Spec) error {
	if err := os.MkdirAll(filepath.Join(dir, workFolder), 0o755); err != nil {
		return err
	}
	half := filepath.Join(dir, upperFolder+".new")
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	l := &layer{root: half}
	l.build(opts, spec)
	if err := errors.Join(l.errs...); err != nil {
		return err
	}
	return os.Rename(half, filepath.Join(dir, upperFolder))
}

// layer collects what goes into a machine's layer, and what went wrong.
type layer struct {
	root string
	errs []error
}

func (l *layer) at(path string) string { return filepath.Join(l.root, path) }

func (l *layer) note(err error) {
	if err != nil {
		l.errs = append(l.errs, err)
	}
}

func (l *layer) build(opts Options, spec Spec) {
	l.note(os.MkdirAll(l.root, 0o755))
	l.hideHost()
	for path, mode := range fresh {
		l.folder(path, mode)
	}
	for path := range fresh {
		l.note(setOpaque(l.at(path)))
	}
	for _, path := range append(opts.Hidden, opts.Dir) {
		l.hide(path)
	}
	l.link("/run", "var/run")
	l.link("/run/lock", "var/lock")
	l.link("/proc/self/mounts", "etc/mtab")
	l.write("etc/fstab", "# What to mount at boot\n", 0o644)
	l.write("etc/environment", "", 0o644)
	l.write("etc/machine-id", fmt.Sprintf("%032s\n", strings.TrimPrefix(spec.ID, "i-")), 0o444)
	l.accounts()
	l.trust(opts.Authority)
	l.write(guest.Binary, "", 0o755) // the binary is mounted over it
	for _, path := range guest.Commands() {
		l.link(guest.Binary, path)
	}
	l.link(guest.Binary, "usr/sbin/mount.efs")
}

// hideHost makes what lies in the host's root and is no part of a system invisible.
func (l *layer) hideHost() {
	entries, err := os.ReadDir("/")
	l.note(err)
	for _, e := range entries {
		if _, isFresh := fresh[e.Name()]; !isFresh && !merged[e.Name()] {
			l.whiteout(e.Name())
		}
	}
}

// hide makes one more path of the host invisible, unless it lies where nothing is visible anyway.
func (l *layer) hide(path string) {
	path = strings.Trim(filepath.Clean(path), "/")
	top, _, _ := strings.Cut(path, "/")
	if !merged[top] || path == top {
		return
	}
	if _, err := os.Lstat("/" + path); err != nil {
		return // there is nothing to hide
	}
	l.note(os.MkdirAll(filepath.Dir(l.at(path)), 0o755))
	l.whiteout(path)
}

// whiteout is overlayfs's mark for what was deleted: https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories
func (l *layer) whiteout(path string) {
	if err := unix.Mknod(l.at(path), unix.S_IFCHR, int(unix.Mkdev(0, 0))); err != nil {
		l.note(fmt.Errorf("hiding /%s: %w", path, err))
	}
}

// setOpaque makes a folder hide the one below it.
func setOpaque(path string) error {
	if err := unix.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		return fmt.Errorf("making %s opaque: %w", path, err)
	}
	return nil
}

func (l *layer) folder(path string, mode os.FileMode) {
	l.note(os.MkdirAll(l.at(path), 0o755))
	l.note(os.Chmod(l.at(path), mode))
}

func (l *layer) write(path, text string, mode os.FileMode) {
	l.note(os.MkdirAll(filepath.Dir(l.at(path)), 0o755))
	l.note(os.WriteFile(l.at(path), []byte(text), mode))
	l.note(os.Chmod(l.at(path), mode))
}

func (l *layer) link(target, path string) {
	l.note(os.MkdirAll(filepath.Dir(l.at(path)), 0o755))
	l.note(os.Symlink(target, l.at(path)))
}

// accounts keeps the host's accounts without their passwords.
func (l *layer) accounts() {
	for _, name := range []string{"etc/shadow", "etc/gshadow"} {
		text, err := os.ReadFile("/" + name)
		if err != nil {
			continue // a host without shadow passwords
		}
		var out strings.Builder
		for line := range strings.Lines(string(text)) {
			if account, rest, ok := strings.Cut(line, ":"); ok {
				_, rest, _ = strings.Cut(rest, ":")
				out.WriteString(account + ":*:" + rest)
			}
		}
		l.write(name, out.String(), 0o640)
	}
	for _, name := range []string{"etc/shadow-", "etc/gshadow-"} {
		if _, err := os.Lstat("/" + name); err == nil {
			l.whiteout(name)
		}
	}
}

// bundle is where Debian keeps the authorities that it trusts; Amazon Linux's path is made the same.
const bundle = "etc/ssl/certs/ca-certificates.crt"

// privateBundles are where Python programs, the aws command among them, bring a list of their own.
var privateBundles = []string{"/usr/lib/python3/dist-packages/*/cacert.pem", "/usr/lib/python3/dist-packages/*/*/cacert.pem"}

// trust adds the lab's authority to those that the host trusts.
func (l *layer) trust(authority []byte) {
	text, err := os.ReadFile("/" + bundle)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		l.note(err)
	}
	l.write(bundle, string(text)+"\n"+string(authority), 0o644)
	l.link("/"+bundle, "etc/pki/tls/certs/ca-bundle.crt")
	for _, pattern := range privateBundles {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		for _, path := range found {
			l.link("/"+bundle, path)
		}
	}
}
