package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A member's tables lie on a volume of their own: ext4 over a loop device over the file base.img, mounted at base/ in
// its data. So a database that grows too large meets a real ENOSPC where Aurora's storage would be at its end, while the
// log, which a server cannot go on without, is outside: statements fail, the server lives.
//
// Only the writer is held to the volume's size. Readers must never run out before it, or they could not replay what
// makes space again, so the writer has a file that holds a reserve back, and readers don't.
const (
	reserve   = 64 << 20 // bytes that only readers may use
	fullBelow = 2 << 20  // free bytes below which a volume counts as full
	leftover  = 1 << 20  // bytes that the fault leaves: a first connection to a database writes a small file, or is refused
)

// ballast is the file that holds space back. Its name is one that base backups and pg_rewind leave out.
const ballast = "pgsql_tmp_reserve"

// store is what moves when a member's data moves: the data and the volume beside it.
func (m *member) store() string { return filepath.Join(m.dir(), "store") }
func (m *member) data() string  { return dataIn(m.store()) }

func dataIn(store string) string  { return filepath.Join(store, "data") }
func imageIn(store string) string { return filepath.Join(store, "base.img") }
func tablesIn(store string) string {
	return filepath.Join(dataIn(store), "base")
}

// enclose moves the tables of new data onto a volume. Without a size they stay where they are.
func (m *Manager) enclose(ctx context.Context, store string) error {
	if m.options.VolumeBytes == 0 {
		return nil
	}
	image, tables, aside := imageIn(store), tablesIn(store), filepath.Join(store, "base.plain")
	if err := m.makeVolume(ctx, image); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(tables, aside), m.makeOwned(tables), mountVolume(ctx, store)); err != nil {
		return fmt.Errorf("making the volume of a server's tables: %w", err)
	}
	out, err := exec.CommandContext(ctx, "cp", "-a", aside+"/.", tables).CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("filling the volume of a server's tables: %w: %s", err, lastLines(string(out), 3)), unmountVolume(store))
	}
	return errors.Join(unmountVolume(store), os.RemoveAll(aside))
}

func (m *Manager) makeVolume(ctx context.Context, image string) error {
	file, err := os.OpenFile(image, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("making a volume: %w", err)
	}
	if err := errors.Join(file.Truncate(m.options.VolumeBytes), file.Close()); err != nil {
		return fmt.Errorf("making a volume: %w", err)
	}
	out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", "-E",
		fmt.Sprintf("lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=%d:%d", m.account.uid, m.account.gid), image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a file system for a server's tables: %w: %s", err, lastLines(string(out), 3))
	}
	return nil
}

// mountVolume shows the volume of a store at its place; one that has none, or that is shown, is left alone.
func mountVolume(ctx context.Context, store string) error {
	image, tables := imageIn(store), tablesIn(store)
	if _, err := os.Stat(image); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	mounted, err := isMounted(tables)
	if err != nil || mounted {
		return err
	}
	// The kernel frees the loop device with the mount, and the mount with the lab's mount namespace.
	out, err := exec.CommandContext(ctx, "mount", "-t", "ext4", "-o", "loop,noatime,discard,nosuid,nodev", image, tables).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mounting the volume %s: %w: %s", image, err, lastLines(string(out), 3))
	}
	if err := os.Remove(filepath.Join(tables, "lost+found")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clearing the volume %s: %w", image, err)
	}
	return nil
}

// unmountVolume takes the volume away; without one it does nothing. Nothing may run on it any more.
func unmountVolume(store string) error {
	tables := tablesIn(store)
	mounted, err := isMounted(tables)
	if err != nil || !mounted {
		return err
	}
	for range 100 { // what has just been killed may hold a file for a moment
		if err = unix.Unmount(tables, 0); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("unmounting %s: %w", tables, err)
	}
	return nil
}

func isMounted(path string) (bool, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, fmt.Errorf("reading what is mounted: %w", err)
	}
	return strings.Contains(string(raw), " "+resolved+" "), nil
}

// removeStore deletes a store with its volume.
func removeStore(store string) error {
	return errors.Join(unmountVolume(store), os.RemoveAll(store))
}

// measureStorage reads how large the volume is and how much the member may still write to it.
func (m *member) measureStorage() Storage {
	if mounted, err := isMounted(tablesIn(m.store())); err != nil || !mounted {
		return Storage{}
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(tablesIn(m.store()), &stat); err != nil {
		return Storage{}
	}
	size := int64(stat.Blocks) * stat.Bsize
	return Storage{Size: size - reserve, Free: int64(stat.Bavail) * stat.Bsize}
}

// holdBack sees to it that the writer can use the volume's size and no more, or nothing more when the fault says so.
func (m *member) holdBack(writer, everything bool) error {
	if mounted, err := isMounted(tablesIn(m.store())); err != nil || !mounted {
		return err
	}
	path := filepath.Join(tablesIn(m.store()), ballast)
	if !writer {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("giving the reserve back: %w", err)
		}
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("holding the reserve back: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return grow(file, info.Size(), everything)
}

// grow makes the ballast as large as the reserve, or as all that is left. What is not free any more it does not take.
func grow(file *os.File, size int64, everything bool) error {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &stat); err != nil {
		return fmt.Errorf("measuring a volume: %w", err)
	}
	free := int64(stat.Bavail) * stat.Bsize
	want := size + free - leftover
	if !everything {
		want = min(reserve, size+free)
	}
	if want < size && !everything {
		return file.Truncate(want)
	}
	for want > size { // what the file system needs to keep the books is not known before
		err := unix.Fallocate(int(file.Fd()), 0, 0, want)
		if !errors.Is(err, unix.ENOSPC) {
			return err
		}
		want = size + (want-size)*15/16
		if want-size < leftover {
			break
		}
	}
	return nil
}
