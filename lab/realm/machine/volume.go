package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"haven/lab/realm/loop"
)

// A machine's root volume is a file system in an image of the volume's size, sparse, so that it takes only what is
// written. It holds the layer over the host's root.
const (
	imageFile     = "disk.img"
	diskFolder    = "disk" // where the file system is mounted, inside the machine's mount namespace only
	defaultGiB    = 8      // Amazon Linux's own
	maxGiB        = 16 << 10
	unmountedTime = 10 * time.Second // for the kernel to let go of a machine that was killed
)

// volume is a root volume that is open: attached to a loop device and mounted. The mount is attached nowhere, only this
// process's descriptor holds it; the machine gets a copy of its own.
type volume struct {
	device *loop.Device
	tree   *os.File
	before VolumeUsage // what the loop device had been used for when it was attached
}

// openVolume mounts the machine's root volume, making it the first time.
func openVolume(dir string, sizeGiB int) (*volume, error) {
	image := filepath.Join(dir, imageFile)
	if _, err := os.Stat(image); errors.Is(err, os.ErrNotExist) {
		if err := makeImage(image, sizeGiB); err != nil {
			return nil, err
		}
	}
	device, err := loop.Attach(image)
	if err != nil {
		return nil, err
	}
	before, err := deviceUsage(device.Path())
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}
	tree, err := mountVolume(device.Path())
	if err != nil {
		return nil, errors.Join(err, device.Close())
	}
	return &volume{device: device, tree: tree, before: before}, nil
}

func (v *volume) usage() (VolumeUsage, error) {
	now, err := deviceUsage(v.device.Path())
	return VolumeUsage{
		ReadOps: now.ReadOps - v.before.ReadOps, WriteOps: now.WriteOps - v.before.WriteOps,
		ReadBytes: now.ReadBytes - v.before.ReadBytes, WriteBytes: now.WriteBytes - v.before.WriteBytes,
	}, err
}

// deviceUsage reads a block device's statistics: https://docs.kernel.org/block/stat.html
func deviceUsage(device string) (u VolumeUsage, err error) {
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), "stat"))
	if err != nil {
		return u, fmt.Errorf("measuring %s: %w", device, err)
	}
	var skip uint64
	_, err = fmt.Sscan(string(text), &u.ReadOps, &skip, &u.ReadBytes, &skip, &u.WriteOps, &skip, &u.WriteBytes)
	const sector = 512
	u.ReadBytes, u.WriteBytes = u.ReadBytes*sector, u.WriteBytes*sector
	return u, err
}

// makeImage makes the image under another name first: a kill leaves no half of one.
func makeImage(image string, sizeGiB int) error {
	if sizeGiB <= 0 {
		sizeGiB = defaultGiB
	}
	half := image + ".new"
	file, err := os.OpenFile(half, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making its volume's image: %w", err)
	}
	size := int64(min(sizeGiB, maxGiB))<<30 - 4096*int64(sizeGiB/maxGiB) // a file of 16 TiB is one block too long for ext4
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return fmt.Errorf("making its volume's image: %w", err)
	}
	// Without a journal: the page cache outlives every kill of the lab, and the host's power is not the volume's care.
	out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard", half).CombinedOutput()
	if err != nil {
		return fmt.Errorf("formatting its volume with mkfs.ext4 (of the package e2fsprogs): %w: %s", err, strings.TrimSpace(string(out)))
	}
	return os.Rename(half, image)
}

func mountVolume(device string) (*os.File, error) {
	context, err := unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("preparing to mount its volume: %w", err)
	}
	defer unix.Close(context)
	err = errors.Join(
		unix.FsconfigSetString(context, "source", device),
		unix.FsconfigSetFlag(context, "nobarrier"),
		unix.FsconfigSetFlag(context, "discard"), // what is deleted inside is free again outside
	)
	if err == nil {
		err = unix.FsconfigCreate(context)
	}
	if err != nil {
		return nil, fmt.Errorf("mounting its volume from %s: %w", device, err)
	}
	tree, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOATIME|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return nil, fmt.Errorf("mounting its volume from %s: %w", device, err)
	}
	return os.NewFile(uintptr(tree), "volume"), nil
}

// path is where this process reaches the volume's files.
func (v *volume) path() string { return fmt.Sprintf("/proc/self/fd/%d", v.tree.Fd()) }

// copy returns a mount of the same volume for the machine, which attaches it in its own namespace.
func (v *volume) copy() (*os.File, error) {
	clone, err := unix.OpenTree(int(v.tree.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return nil, fmt.Errorf("sharing its volume: %w", err)
	}
	return os.NewFile(uintptr(clone), "volume"), nil
}

// close unmounts the volume. When it returns without an error, nothing holds the image any more.
func (v *volume) close() error {
	err := errors.Join(v.tree.Close(), v.device.Idle(unmountedTime))
	return errors.Join(err, v.device.Close())
}
