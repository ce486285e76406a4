package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func baseName(path string) string { return filepath.Base(path) }

// pumpVariable tells a process started as mount.efs that it is the one that stays.
const pumpVariable = "HAVEN_EFS_PUMP"

// mountMain is mount.efs. It starts itself again as the process that stays and carries messages, and returns when that
// has mounted the file system, or why it could not.
func mountMain(args []string) error {
	o, err := parseMount(args)
	if err != nil {
		return err
	}
	if os.Getenv(pumpVariable) != "" {
		return stay(o)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	stays := exec.Command("/proc/self/exe", args...)
	stays.Args[0] = "mount.efs"
	stays.Env = append(os.Environ(), pumpVariable+"=1")
	stays.ExtraFiles = []*os.File{write}
	stays.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stays.Dir = "/"
	if err := stays.Start(); err != nil {
		return fmt.Errorf("starting the process that stays: %w", err)
	}
	write.Close()
	problem, err := io.ReadAll(read)
	if err != nil {
		return err
	}
	if string(problem) != mounted {
		return errors.New(string(problem))
	}
	return nil
}

// mounted is what the process that stays says when it has succeeded.
const mounted = "mounted"

const verdictFD = 3

// stay mounts, tells its parent, and carries messages until the file system is unmounted. When the connection breaks
// it makes a new one and mounts it over the dead one, which nobody can write below meanwhile.
func stay(o mountOptions) error {
	verdict := os.NewFile(verdictFD, "verdict")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fuse, conn, err := o.attach(ctx)
	if err != nil {
		_, _ = verdict.WriteString(err.Error()) // the parent may have gone
		return err
	}
	_, _ = verdict.WriteString(mounted)
	verdict.Close()
	for {
		unmounted := carry(fuse, conn)
		if unmounted {
			return nil
		}
		if fuse, conn, err = o.attachAgain(); err != nil {
			return err
		}
	}
}

// attach connects and mounts.
func (o *mountOptions) attach(ctx context.Context) (*os.File, net.Conn, error) {
	if err := o.locate(ctx); err != nil {
		return nil, nil, err
	}
	conn, answer, err := o.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	fuse, err := o.mountFuse(answer)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return fuse, conn, nil
}

// attachAgain tries until it works, or until nothing is mounted there any more.
func (o *mountOptions) attachAgain() (*os.File, net.Conn, error) {
	for {
		var stat unix.Statfs_t
		if err := unix.Statfs(o.dir, &stat); !errors.Is(err, unix.ENOTCONN) {
			return nil, nil, nil // somebody has unmounted the dead one, or mounted something else
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		fuse, conn, err := o.attach(ctx)
		cancel()
		if err == nil {
			return fuse, conn, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// carry moves messages both ways until one side ends, and tells whether it was the kernel's: an unmount.
func carry(fuse *os.File, conn net.Conn) (unmounted bool) {
	if fuse == nil {
		return true
	}
	kernel := kernelSide{fuse}
	ended := make(chan error, 2)
	go func() { ended <- drain(conn, kernel) }()
	go func() { ended <- pump(kernel, conn) }()
	unmounted = errors.Is(<-ended, unix.ENODEV)
	conn.Close()
	fuse.Close() // ends the requests that wait for an answer
	<-ended
	return unmounted
}

// kernelSide is /dev/fuse without the errors that only mean that a request was interrupted.
type kernelSide struct{ *os.File }

// Read reads one request.
func (k kernelSide) Read(p []byte) (int, error) {
	for {
		n, err := k.File.Read(p)
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// Write writes one reply.
func (k kernelSide) Write(p []byte) (int, error) {
	n, err := k.File.Write(p)
	if errors.Is(err, unix.ENOENT) {
		return len(p), nil
	}
	return n, err
}
