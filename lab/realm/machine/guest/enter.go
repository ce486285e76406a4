package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enter is the first stage.
func enter() error {
	runtime.LockOSThread() // what is given up below is given up by this thread, which then becomes the second stage
	var config Config
	in := os.NewFile(configFD, "config")
	if err := json.NewDecoder(in).Decode(&config); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := in.Close(); err != nil {
		return err
	}
	if err := makeRoot(config); err != nil {
		return err
	}
	if err := saveConfig(config); err != nil {
		return fmt.Errorf("keeping the configuration: %w", err)
	}
	if err := unix.Sethostname([]byte(config.Hostname)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := giveUp(); err != nil {
		return err
	}
	return syscall.Exec(Binary, []string{bootName}, []string{"PATH=" + searchPath, "HOME=/root", "LANG=C.UTF-8", "TERM=linux"})
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func (m mount) do() error {
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mounting %s: %w", m.target, err)
	}
	return nil
}

// makeRoot mounts the instance's file systems and makes them the only ones that its processes can see.
func makeRoot(c Config) error {
	const quiet = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV
	at := func(path string) string { return filepath.Join(c.Root, path) }
	mounts := []mount{
		{"proc", at("proc"), "proc", quiet, ""},
		{"sysfs", at("sys"), "sysfs", quiet | unix.MS_RDONLY, ""},
		{"tmpfs", at("dev"), "tmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=755,size=1m"},
		{"tmpfs", at("run"), "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=20%"},
		{"tmpfs", at("tmp"), "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777,size=50%"},
		{c.Binary, at(Binary), "", unix.MS_BIND, ""},
		{"", at(Binary), "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY, ""},
	}
	if err := (mount{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""}).do(); err != nil {
		return err
	}
	if err := unix.MoveMount(diskFD, "", unix.AT_FDCWD, c.Disk, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting the instance's volume: %w", err)
	}
	if err := errors.Join(unix.Close(diskFD), overlay(c)); err != nil {
		return fmt.Errorf("mounting the instance's layer: %w", err)
	}
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	if err := makeDevices(at("dev")); err != nil {
		return err
	}
	if err := maskProc(at("proc")); err != nil {
		return err
	}
	return pivot(c.Root)
}

// overlay mounts the instance's layer over the host's root. Option by option, so that paths may have any character.
func overlay(c Config) error {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("opening overlayfs: %w", err)
	}
	defer unix.Close(fs)
	upper, work := filepath.Join(c.Disk, UpperFolder), filepath.Join(c.Disk, WorkFolder)
	for _, option := range [][2]string{{"source", "overlay"}, {"lowerdir", "/"}, {"upperdir", upper}, {"workdir", work}} {
		if err := unix.FsconfigSetString(fs, option[0], option[1]); err != nil {
			return fmt.Errorf("setting %s=%s: %w", option[0], option[1], err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	tree, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	return unix.MoveMount(tree, "", unix.AT_FDCWD, c.Root, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil { // the old root, stacked on top of the new one
		return fmt.Errorf("letting go of the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	// Shared, so that what is mounted later appears in services that have a mount namespace of their own.
	return mount{"", "/", "", unix.MS_REC | unix.MS_SHARED, ""}.do()
}

func makeDevices(dev string) error {
	old := unix.Umask(0)
	defer unix.Umask(old)
	for name, number := range map[string]int{
		"null": int(unix.Mkdev(1, 3)), "zero": int(unix.Mkdev(1, 5)), "full": int(unix.Mkdev(1, 7)), "random": int(unix.Mkdev(1, 8)),
		"urandom": int(unix.Mkdev(1, 9)), "tty": int(unix.Mkdev(5, 0)), "fuse": int(unix.Mkdev(10, 229)),
	} {
		if err := unix.Mknod(filepath.Join(dev, name), unix.S_IFCHR|0o666, number); err != nil {
			return fmt.Errorf("making /dev/%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for name, m := range map[string]mount{
		"pts": {"devpts", "", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		"shm": {"tmpfs", "", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777,size=50%"},
	} {
		m.target = filepath.Join(dev, name)
		if err := os.Mkdir(m.target, 0o755); err != nil {
			return err
		}
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// maskProc keeps an instance's root from the settings of the real kernel.
func maskProc(proc string) error {
	for _, name := range []string{"sys", "irq", "bus"} {
		path := filepath.Join(proc, name)
		if err := (mount{path, path, "", unix.MS_BIND, ""}).do(); err != nil {
			return err
		}
		if err := (mount{"", path, "", unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY, ""}).do(); err != nil {
			return err
		}
	}
	for _, name := range []string{"sysrq-trigger", "kcore"} {
		path := filepath.Join(proc, name)
		if _, err := os.Stat(path); err != nil {
			continue // not in every kernel
		}
		if err := (mount{"/dev/null", path, "", unix.MS_BIND, ""}).do(); err != nil {
			return err
		}
	}
	return nil
}

// kept are root's powers inside an instance. The others are given up, among them CAP_MKNOD, CAP_SYS_MODULE,
// CAP_SYS_RAWIO, CAP_SYS_TIME and CAP_SYS_BOOT, which reach the real machine, and CAP_NET_ADMIN, with which an instance
// could lift its own security groups. CAP_SYS_ADMIN stays: mount needs it.
var kept = map[int]bool{
	unix.CAP_CHOWN: true, unix.CAP_DAC_OVERRIDE: true, unix.CAP_DAC_READ_SEARCH: true, unix.CAP_FOWNER: true, unix.CAP_FSETID: true,
	unix.CAP_KILL: true, unix.CAP_SETGID: true, unix.CAP_SETUID: true, unix.CAP_SETPCAP: true, unix.CAP_NET_BIND_SERVICE: true,
	unix.CAP_NET_RAW: true, unix.CAP_NET_BROADCAST: true, unix.CAP_IPC_LOCK: true, unix.CAP_SYS_CHROOT: true, unix.CAP_SYS_ADMIN: true,
	unix.CAP_SYS_NICE: true, unix.CAP_SYS_RESOURCE: true, unix.CAP_SYS_PTRACE: true, unix.CAP_SETFCAP: true, unix.CAP_LEASE: true, unix.CAP_AUDIT_WRITE: true,
}

func giveUp() error {
	for capability := 0; capability <= unix.CAP_LAST_CAP; capability++ {
		if kept[capability] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0); err != nil && err != unix.EINVAL { // EINVAL: an older kernel lacks it
			return fmt.Errorf("giving up capability %d: %w", capability, err)
		}
	}
	return nil
}
