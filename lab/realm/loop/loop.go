// Package loop gives image files loop devices, which the kernel frees by itself when their last user has gone: a kill of
// the lab leaves none.
package loop

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Device is a loop device over an image. The kernel frees it when its last user, this handle or a mount, is gone.
type Device struct {
	file *os.File
	path string
}

// Attach gives the image a loop device.
func Attach(image string) (*Device, error) {
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a device's image: %w", err)
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("asking for a loop device: %w", err)
	}
	defer control.Close()
	for range 50 {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("finding a free loop device: %w", err)
		}
		d, err := configure(number, backing)
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return d, err
		}
	}
	return nil, errors.New("attaching a loop device: others keep taking the free ones")
}

func configure(number int, backing *os.File) (*Device, error) {
	path := fmt.Sprintf("/dev/loop%d", number)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	config := unix.LoopConfig{Fd: uint32(backing.Fd()), Size: 4096, Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	copy(config.Info.File_name[:], backing.Name())
	if err := unix.IoctlLoopConfigure(int(file.Fd()), &config); err != nil {
		return nil, errors.Join(fmt.Errorf("attaching %s to %s: %w", path, backing.Name(), err), file.Close())
	}
	return &Device{file: file, path: path}, nil
}

// Path is the device's, such as /dev/loop7.
func (d *Device) Path() string { return d.path }

// Kill makes every later read and write of the device fail, as those of a disk that has died: it shrinks to nothing.
func (d *Device) Kill() error {
	fd := int(d.file.Fd())
	info, err := unix.IoctlLoopGetStatus64(fd)
	if err != nil {
		return fmt.Errorf("reading the status of %s: %w", d.path, err)
	}
	info.Sizelimit = 4096
	if err := unix.IoctlLoopSetStatus64(fd, info); err != nil {
		return fmt.Errorf("shrinking %s: %w", d.path, err)
	}
	if err := unix.IoctlSetInt(fd, unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("shrinking %s: %w", d.path, err)
	}
	return nil
}

// Idle waits until no file system is mounted from the device, so that its image may be attached again. The kernel lets go
// of the mounts of a process that was killed only some time after its end.
func (d *Device) Idle(limit time.Duration) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(2 * time.Millisecond) {
		file, err := os.OpenFile(d.path, os.O_RDONLY|unix.O_EXCL, 0)
		if err == nil {
			return file.Close()
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("waiting until %s is not mounted any more: %w", d.path, err)
		}
	}
}

// Close lets go of the device.
func (d *Device) Close() error { return d.file.Close() }
