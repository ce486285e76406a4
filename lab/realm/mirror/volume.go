package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"haven/lab/realm/loop"
)

// volume is a mounted btrfs over one image a zone. Its folder has <zone>.img, <zone>.lost for a copy that must be
// replaced, and made when the file system is whole.
//
// The mount is attached nowhere: only this process's descriptors hold it. No namespace made meanwhile inherits it, and a
// kill leaves nothing mounted.
type volume struct {
	dir   string
	zones []string // sorted; the device of zones[i] has btrfs's id i+1
	size  int64

	tree, sealed *os.File // the mount, and a read-only view of it

	mu      sync.Mutex // guards what follows
	devices map[string]*loop.Device
	fresh   map[string]*loop.Device // that are being filled

	changing sync.Mutex // held while copies are healed or scrubbed
}

func (v *volume) image(zone string) string { return filepath.Join(v.dir, zone+".img") }
func (v *volume) mark(zone string) string  { return filepath.Join(v.dir, zone+".lost") }
func (v *volume) mnt() string              { return pathOf(v.tree) }
func (v *volume) readOnly() string         { return pathOf(v.sealed) }
func (v *volume) id(zone string) string    { return strconv.Itoa(slices.Index(v.zones, zone) + 1) }

// pathOf returns a path by which this process and its children reach what a descriptor of it is of.
func pathOf(file *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd()) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// lost tells whether the zone's copy must not be used.
func (v *volume) lost(zone string) bool { return exists(v.mark(zone)) || !exists(v.image(zone)) }

// open mounts the volume, making it the first time; copies that were lost stay out.
func (v *volume) open(ctx context.Context) error {
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return err
	}
	v.devices, v.fresh = map[string]*loop.Device{}, map[string]*loop.Device{}
	made := filepath.Join(v.dir, "made")
	fresh := !exists(made)
	if fresh {
		if err := v.makeImages(); err != nil {
			return err
		}
	}
	if err := v.attach(); err != nil {
		return errors.Join(err, v.detach())
	}
	if fresh {
		if err := v.format(ctx); err != nil {
			return errors.Join(err, v.detach())
		}
		if err := os.WriteFile(made, nil, 0o600); err != nil {
			return errors.Join(err, v.detach())
		}
	}
	if err := v.mount(); err != nil {
		return errors.Join(err, v.close())
	}
	return nil
}

func (v *volume) makeImages() error {
	for _, zone := range v.zones {
		if err := v.makeImage(zone); err != nil {
			return err
		}
		if err := os.Remove(v.mark(zone)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// makeImage makes the zone's image anew: sparse, so that it takes only what is written.
func (v *volume) makeImage(zone string) error {
	if err := os.Remove(v.image(zone)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(v.image(zone), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("making a device's image: %w", err)
	}
	return errors.Join(file.Truncate(v.size), file.Close())
}

func (v *volume) attach() error {
	for _, zone := range v.zones {
		if v.lost(zone) {
			continue
		}
		d, err := loop.Attach(v.image(zone))
		if err != nil {
			return err
		}
		v.devices[zone] = d
	}
	return nil
}

func (v *volume) detach() error {
	var errs []error
	for zone, d := range v.devices {
		errs = append(errs, d.Close())
		delete(v.devices, zone)
	}
	return errors.Join(errs...)
}

func (v *volume) format(ctx context.Context) error {
	args := []string{"--quiet", "--force", "--data", "raid1", "--metadata", "raid1", "--nodiscard"}
	for _, zone := range v.zones {
		args = append(args, v.devices[zone].Path())
	}
	return run(ctx, "mkfs.btrfs", args...)
}

// mount mounts what copies there are; fewer than all of them are enough as long as RAID1 has one of each block.
func (v *volume) mount() error {
	context, err := unix.Fsopen("btrfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("preparing to mount btrfs: %w", err)
	}
	defer unix.Close(context)
	first := ""
	for _, zone := range v.zones {
		d := v.devices[zone]
		if d == nil {
			continue
		}
		if first == "" {
			first = d.Path()
			err = unix.FsconfigSetString(context, "source", first)
		}
		err = errors.Join(err, unix.FsconfigSetString(context, "device", d.Path()))
	}
	if first == "" {
		return errors.New("mounting the file system: every copy is lost")
	}
	if len(v.devices) < len(v.zones) {
		err = errors.Join(err, unix.FsconfigSetFlag(context, "degraded"))
	}
	if err == nil {
		err = unix.FsconfigCreate(context)
	}
	if err != nil {
		return fmt.Errorf("mounting %d of %d copies: %w", len(v.devices), len(v.zones), err)
	}
	tree, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOATIME|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
	if err != nil {
		return fmt.Errorf("mounting %s: %w", first, err)
	}
	v.tree = os.NewFile(uintptr(tree), "btrfs")
	return v.seal()
}

// seal makes the read-only view, for clients that may not write.
func (v *volume) seal() error {
	clone, err := unix.OpenTree(int(v.tree.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("making the read-only view: %w", err)
	}
	v.sealed = os.NewFile(uintptr(clone), "btrfs, read-only")
	if err := unix.MountSetattr(clone, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("making the read-only view: %w", err)
	}
	return nil
}

// lose takes a copy away under the running file system, as a disk that dies.
func (v *volume) lose(zone string) error {
	if err := os.WriteFile(v.mark(zone), nil, 0o600); err != nil {
		return fmt.Errorf("recording a lost copy: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, d := range []*loop.Device{v.devices[zone], v.fresh[zone]} {
		if d != nil {
			errs = append(errs, d.Kill())
		}
	}
	return errors.Join(errs...)
}

// heal gives a lost zone a new device, copies to it what the others have, and verifies every copy of everything.
func (v *volume) heal(ctx context.Context, zone string) error {
	// The dead device's image is still open; a new one takes its name.
	if err := v.makeImage(zone); err != nil {
		return err
	}
	fresh, err := loop.Attach(v.image(zone))
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.fresh[zone] = fresh
	v.mu.Unlock()
	_ = run(ctx, "btrfs", "replace", "cancel", v.mnt()) // one that a kill cut short; usually there is none
	err = run(ctx, "btrfs", "replace", "start", "-B", "-r", "-f", v.id(zone), fresh.Path(), v.mnt())
	v.mu.Lock()
	delete(v.fresh, zone)
	if err != nil {
		v.mu.Unlock()
		return errors.Join(err, fresh.Close())
	}
	if old := v.devices[zone]; old != nil {
		err = old.Close()
	}
	v.devices[zone] = fresh
	v.mu.Unlock()
	// With too few devices left, what was written meanwhile has one copy only.
	err = errors.Join(err, run(ctx, "btrfs", "balance", "start", "-dconvert=raid1,soft", "-mconvert=raid1,soft", v.mnt()))
	if err == nil {
		err = run(ctx, "btrfs", "device", "stats", "-z", v.mnt())
	}
	if err == nil {
		err = v.scrub(ctx)
	}
	if err != nil {
		return err
	}
	return os.Remove(v.mark(zone))
}

// scrub reads every copy of everything and compares checksums; what can't be repaired is an error.
func (v *volume) scrub(ctx context.Context) error {
	return run(ctx, "btrfs", "scrub", "start", "-B", v.mnt())
}

// used returns how much is stored, in bytes, not counting copies.
func (v *volume) used() int64 {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(v.tree.Fd()), &stat); err != nil {
		return 0
	}
	return int64(stat.Blocks-stat.Bfree) * stat.Bsize
}

// close unmounts the volume; what still has files open keeps it alive until it ends.
func (v *volume) close() error {
	var errs []error
	for _, file := range []*os.File{v.sealed, v.tree} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	v.sealed, v.tree = nil, nil
	return errors.Join(append(errs, v.detach())...)
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
