package guest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/systemd"
)

// needsNamespace tells whether a service wants a mount namespace of its own; its process is then started in one.
func needsNamespace(c systemd.Context) bool {
	return c.PrivateTmp || c.ProtectSystem != "" || c.ProtectHome != "" || len(c.ReadOnlyPaths) > 0
}

// isolate changes what the service sees of the file system, so that a declaration that forbids a write forbids it here too.
func isolate(c systemd.Context) error {
	if err := (mount{"", "/", "", unix.MS_REC | unix.MS_SLAVE, ""}).do(); err != nil {
		return err
	}
	if c.PrivateTmp {
		for _, path := range []string{"/tmp", "/var/tmp"} {
			if err := (mount{"tmpfs", path, "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777,size=50%"}).do(); err != nil {
				return err
			}
		}
	}
	writable := writable(c)
	for _, file := range writable {
		if err := bind(file); err != nil { // a mount of its own can stay writable in a read-only tree
			return err
		}
	}
	for _, file := range readOnly(c) {
		if err := bind(file); err != nil {
			return err
		}
		if err := setReadOnly(file, true); err != nil {
			return err
		}
	}
	for _, file := range writable {
		if err := setReadOnly(file, false); err != nil {
			return err
		}
	}
	return hideHomes(c.ProtectHome)
}

func readOnly(c systemd.Context) []systemd.File {
	files := append([]systemd.File(nil), c.ReadOnlyPaths...)
	switch c.ProtectSystem {
	case "strict":
		files = append(files, systemd.File{Path: "/"})
	case "full":
		files = append(files, systemd.File{Path: "/usr"}, systemd.File{Path: "/boot", Optional: true}, systemd.File{Path: "/etc"})
	case "true":
		files = append(files, systemd.File{Path: "/usr"}, systemd.File{Path: "/boot", Optional: true})
	}
	return files
}

func writable(c systemd.Context) []systemd.File {
	files := append([]systemd.File(nil), c.ReadWritePaths...)
	for _, d := range c.Directories {
		files = append(files, systemd.File{Path: d.Path})
	}
	if c.ProtectSystem == "strict" {
		files = append(files, systemd.File{Path: "/dev"}, systemd.File{Path: "/proc"})
		if c.PrivateTmp {
			files = append(files, systemd.File{Path: "/tmp"}, systemd.File{Path: "/var/tmp"})
		}
	}
	return files
}

func missing(file systemd.File) bool {
	_, err := os.Stat(file.Path)
	return file.Optional && os.IsNotExist(err)
}

func bind(file systemd.File) error {
	if missing(file) || file.Path == "/" {
		return nil
	}
	return mount{file.Path, file.Path, "", unix.MS_BIND | unix.MS_REC, ""}.do()
}

func setReadOnly(file systemd.File, on bool) error {
	if missing(file) {
		return nil
	}
	attributes := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if !on {
		attributes = &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	}
	flags := uint(unix.AT_RECURSIVE)
	if !on && file.Path == "/proc" {
		flags = 0 // what is read-only below it stays so
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, file.Path, flags, attributes); err != nil {
		return fmt.Errorf("changing how %s may be written: %w", file.Path, err)
	}
	return nil
}

func hideHomes(how string) error {
	for _, path := range []string{"/home", "/root", "/run/user"} {
		file := systemd.File{Path: path, Optional: true}
		if how == "" || missing(file) {
			continue
		}
		var err error
		if how == "read-only" {
			if err = bind(file); err == nil {
				err = setReadOnly(file, true)
			}
		} else {
			mode := map[string]string{"true": "mode=000", "tmpfs": "mode=755"}[how]
			err = mount{"tmpfs", path, "tmpfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_RDONLY, mode + ",size=4k"}.do()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
