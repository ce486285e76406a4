package machine

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const binaryFile = ".guest"

// keepBinary puts the running program at a path of the manager's own, so that it can be mounted into machines whatever
// becomes of the file that it was started from. A link where that can be, else a copy.
func keepBinary(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the last lab's program: %w", err)
	}
	if unix.Linkat(unix.AT_FDCWD, "/proc/self/exe", unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW) == nil {
		return nil
	}
	if err := copyBinary(path); err != nil {
		return fmt.Errorf("keeping the running program for machines: %w", err)
	}
	return nil
}

func copyBinary(path string) error {
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
