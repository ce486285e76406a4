package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// serverName is what the file server's process is called; see Dispatch.
const serverName = "haven-efs-server"

// identity is who a file server acts as; it is the process's only argument.
type identity struct {
	User *User // nil: root, on behalf of each caller
}

// Descriptors that a file server is started with.
const (
	messagesFD = 3 // a sequenced-packet socket: each packet is one FUSE message
	rootFD     = 4 // the directory that is its whole world
	diskFD     = 5 // where the disk images are
)

// serve is the file server: one process a connection.
func serve(args []string) error {
	var who identity
	if len(args) != 1 {
		return errors.New("expected one argument")
	}
	if err := json.Unmarshal([]byte(args[0]), &who); err != nil {
		return fmt.Errorf("reading the identity: %w", err)
	}
	if err := confine(who); err != nil {
		return err
	}
	root, err := loopback()
	if err != nil {
		return err
	}
	var never time.Duration // nothing is remembered: other instances change files, too
	raw := fs.NewNodeFS(root, &fs.Options{EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never, NullPermissions: true})
	server, err := fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", messagesFD), &fuse.MountOptions{
		Name: "efs", EnableLocks: true, MaxWrite: maxWrite, DisableSplice: true, DisableXAttrs: true, MaxBackground: 64,
		Logger: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	if err != nil {
		return fmt.Errorf("greeting the client's kernel: %w", err)
	}
	server.Serve()
	return nil
}

// confine locks the process into its directory and gives up what it does not need.
func confine(who identity) error {
	if err := unix.Fchdir(rootFD); err != nil {
		return fmt.Errorf("entering the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("confining itself to the root: %w", err)
	}
	if err := unix.Close(rootFD); err != nil {
		return err
	}
	unix.Umask(0) // the client's kernel has applied the caller's
	if who.User == nil {
		return nil
	}
	groups := []int{int(who.User.GID)}
	for _, group := range who.User.Groups {
		groups = append(groups, int(group))
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("taking on groups: %w", err)
	}
	if err := syscall.Setgid(int(who.User.GID)); err != nil {
		return fmt.Errorf("taking on group %d: %w", who.User.GID, err)
	}
	if err := syscall.Setuid(int(who.User.UID)); err != nil {
		return fmt.Errorf("taking on user %d: %w", who.User.UID, err)
	}
	return nil
}

// node is go-fuse's loopback node with EFS's promise for closing: what was written is then on the disks.
// https://docs.aws.amazon.com/efs/latest/ug/how-it-works.html#how-it-works-consistency
type node struct {
	fs.LoopbackNode
}

var (
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeAccesser  = (*node)(nil)
	_ fs.FileFlusher   = (*handle)(nil)
	_ fs.FileWriter    = (*handle)(nil)
	_ fs.FileAllocater = (*handle)(nil)
)

func loopback() (fs.InodeEmbedder, error) {
	var stat syscall.Stat_t
	if err := syscall.Stat("/", &stat); err != nil {
		return nil, fmt.Errorf("looking at the root: %w", err)
	}
	root := &fs.LoopbackRoot{Path: "/", Dev: uint64(stat.Dev)}
	root.NewNode = func(data *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: data}}
	}
	top := root.NewNode(root, nil, "", &stat)
	root.RootNode = top
	return top, nil
}

// Access is left to the client's kernel, or to the operation itself as the access point's user.
func (n *node) Access(context.Context, uint32) syscall.Errno { return 0 }

// Open opens a file.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	opened, more, errno := n.LoopbackNode.Open(ctx, flags)
	return wrap(opened), more, errno
}

// Create makes and opens a file.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if !room() {
		return nil, nil, 0, syscall.ENOSPC
	}
	inode, opened, more, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, wrap(opened), more, errno
}

// handle is an open file that remembers whether it was written to.
type handle struct {
	*fs.LoopbackFile
	written atomic.Bool
}

func wrap(opened fs.FileHandle) fs.FileHandle {
	file, ok := opened.(*fs.LoopbackFile)
	if !ok {
		return opened
	}
	return &handle{LoopbackFile: file}
}

// Write writes.
func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if !room() {
		return 0, syscall.ENOSPC
	}
	h.written.Store(true)
	return h.LoopbackFile.Write(ctx, data, off)
}

// Allocate changes the file's extent.
func (h *handle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if !room() {
		return syscall.ENOSPC
	}
	h.written.Store(true)
	return h.LoopbackFile.Allocate(ctx, off, size, mode)
}

// Flush is a close: what was written goes to the disks.
func (h *handle) Flush(ctx context.Context) syscall.Errno {
	if h.written.Swap(false) {
		if errno := h.LoopbackFile.Fsync(ctx, 0); errno != 0 {
			return errno
		}
	}
	return h.LoopbackFile.Flush(ctx)
}

// Dispatch must be the first thing that a program does: when its process was started as mount.efs or as a file server
// it is that, and never returns.
func Dispatch() {
	var err error
	switch name := baseName(os.Args[0]); name {
	case serverName:
		err = serve(os.Args[1:])
	case "mount.efs":
		err = mountMain(os.Args[1:])
	default:
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", baseName(os.Args[0]), err)
		os.Exit(1)
	}
	os.Exit(0)
}
