package mirror

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// target is one mount target that listens.
type target struct {
	manager *Manager
	spec    Target
	system  string // the file system's id

	listener net.Listener
	stop     context.CancelFunc
	ctx      context.Context
	wait     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	mounts map[*meter]bool
	ended  Traffic // of connections that are over
}

func (m *Manager) listen(system string, spec Target) (*target, error) {
	ctx, stop := context.WithCancel(context.Background())
	// Any address of the namespace will do: it is this interface's alone, and may not have its address yet.
	listener, err := spec.Namespace.Listen(ctx, "tcp4", fmt.Sprintf("0.0.0.0:%d", Port))
	if err != nil {
		stop()
		return nil, fmt.Errorf("listening at the mount target %s: %w", spec.ID, err)
	}
	t := &target{manager: m, spec: spec, system: system, listener: listener, ctx: ctx, stop: stop, mounts: map[*meter]bool{}}
	t.wait.Go(t.accept)
	return t, nil
}

// close ends the listener and every mount through it.
func (t *target) close() {
	t.stop()
	t.listener.Close()
	t.wait.Wait()
}

func (t *target) begin(m *meter) {
	t.mu.Lock()
	t.mounts[m] = true
	t.mu.Unlock()
	t.manager.notify()
}

func (t *target) end(m *meter) {
	t.mu.Lock()
	delete(t.mounts, m)
	t.ended = t.ended.Plus(m.total())
	t.mu.Unlock()
	t.manager.notify()
}

// observe tells how many clients there are and what all of them have done.
func (t *target) observe() TargetObservation {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := TargetObservation{ID: t.spec.ID, Serving: true, Mounts: len(t.mounts), Traffic: t.ended}
	for m := range t.mounts {
		seen.Traffic = seen.Traffic.Plus(m.total())
	}
	return seen
}

func (t *target) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			if t.ctx.Err() != nil {
				return
			}
			time.Sleep(50 * time.Millisecond) // out of descriptors, for a moment
			continue
		}
		t.wait.Go(func() {
			defer conn.Close()
			closed := context.AfterFunc(t.ctx, func() { conn.Close() })
			defer closed()
			if err := t.answer(conn); err != nil && t.ctx.Err() == nil {
				t.manager.log.Info("a mount ended", "target", t.spec.ID, "client", conn.RemoteAddr().String(), "why", err)
			}
		})
	}
}

// tlsRecord is the first byte of a TLS connection.
const tlsRecord = 0x16

// peeked is a connection whose first byte has been looked at.
type peeked struct {
	net.Conn
	reader *bufio.Reader
}

// Read reads.
func (p peeked) Read(b []byte) (int, error) { return p.reader.Read(b) }

// answer serves one connection from its first byte to its end.
func (t *target) answer(raw net.Conn) error {
	if err := raw.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	buffered := bufio.NewReader(raw)
	first, err := buffered.Peek(1)
	if err != nil {
		return nil // a probe of the port
	}
	conn, secure := net.Conn(peeked{raw, buffered}), first[0] == tlsRecord
	if secure {
		conn = tls.Server(conn, t.manager.options.TLS)
	}
	request, err := readLine[MountRequest](conn)
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	request.Secure, request.Target = secure, t.spec.ID
	server, answer := t.admit(request)
	line, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(line, '\n')); err != nil || server == nil {
		if server != nil {
			err = errors.Join(err, server.end())
		}
		return errors.Join(err, refusal(answer))
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return errors.Join(err, server.end())
	}
	counting := newMeter()
	t.begin(counting)
	defer t.end(counting)
	return server.relay(t.ctx, conn, counting)
}

func refusal(answer reply) error {
	if answer.Error == "" {
		return nil
	}
	return errors.New("refused: " + answer.Error)
}

// admit decides on a request and starts its file server; a refusal has none.
func (t *target) admit(request MountRequest) (*fileServer, reply) {
	ctx, cancel := context.WithTimeout(t.ctx, 10*time.Second)
	defer cancel()
	if request.FileSystem != t.system {
		return nil, reply{Error: "this mount target is of another file system"}
	}
	grant, err := t.manager.authorize(ctx, request)
	if err != nil {
		return nil, reply{Error: err.Error()}
	}
	system, volume, ok := t.manager.find(t.system)
	if !ok {
		return nil, reply{Error: "the file system is not available"}
	}
	who, root, err := t.enter(system, volume, request, grant)
	if err != nil {
		return nil, reply{Error: err.Error()}
	}
	defer root.Close()
	server, err := startServer(who, root, volume.dir)
	if err != nil {
		t.manager.log.Error("starting a file server", "file-system", t.system, "error", err)
		return nil, reply{Error: "the file server does not start"}
	}
	return server, reply{OwnUsers: who.User == nil}
}

// nobody is whom a client's root becomes without root access.
var nobody = User{UID: 65534, GID: 65534}

// enter opens the directory that the client will see as its root, and says as whom. Names are resolved inside the
// file system, whatever links it has.
func (t *target) enter(system FileSystem, v *volume, request MountRequest, grant Grant) (identity, *os.File, error) {
	top := v.mnt()
	if request.ReadOnly || !grant.Write {
		top = v.readOnly()
	}
	who, base, err := identify(system, request.AccessPoint, grant)
	if err != nil {
		return who, nil, err
	}
	if base.Create != nil {
		if err := create(v.mnt(), base.Path, *base.Create); err != nil {
			return who, nil, err
		}
	}
	inside, err := os.OpenRoot(top)
	if err != nil {
		return who, nil, err
	}
	defer inside.Close()
	dir, err := inside.Open(relative(path.Join(base.Path, request.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return who, nil, fmt.Errorf("no such directory: %s", path.Join(base.Path, request.Path))
	}
	if err != nil {
		return who, nil, fmt.Errorf("access denied: %s", path.Join(base.Path, request.Path))
	}
	if info, err := dir.Stat(); err != nil || !info.IsDir() {
		return who, nil, errors.Join(fmt.Errorf("not a directory: %s", path.Join(base.Path, request.Path)), dir.Close())
	}
	return who, dir, nil
}

func identify(system FileSystem, accessPoint string, grant Grant) (identity, AccessPoint, error) {
	var who identity
	if !grant.Root {
		who.User = &nobody
	}
	if accessPoint == "" {
		return who, AccessPoint{Path: "/"}, nil
	}
	for _, point := range system.AccessPoints {
		if point.ID == accessPoint {
			if point.User != nil {
				who.User = point.User
			}
			return who, point, nil
		}
	}
	return who, AccessPoint{}, fmt.Errorf("access denied: there is no access point %s", accessPoint)
}

// relative turns an absolute path into one below a root.
func relative(absolute string) string {
	if cleaned := strings.TrimPrefix(path.Clean("/"+absolute), "/"); cleaned != "" {
		return cleaned
	}
	return "."
}

// create makes an access point's directory when it is missing, as EFS does on the first connection.
func create(top, dir string, how Creation) error {
	inside, err := os.OpenRoot(top)
	if err != nil {
		return err
	}
	defer inside.Close()
	name := relative(dir)
	if _, err := inside.Stat(name); err == nil {
		return nil
	}
	if err := inside.MkdirAll(name, 0o755); err != nil {
		return fmt.Errorf("making the access point's directory: %w", err)
	}
	if err := inside.Chown(name, int(how.UID), int(how.GID)); err != nil {
		return fmt.Errorf("giving the access point's directory to its owner: %w", err)
	}
	return inside.Chmod(name, fs.FileMode(how.Mode&0o777))
}

// fileServer is the process that answers one connection.
type fileServer struct {
	cmd      *exec.Cmd
	messages *os.File
}

func startServer(who identity, root *os.File, images string) (*fileServer, error) {
	disk, err := os.Open(images)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	argument, err := json.Marshal(who)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket pair: %w", err)
	}
	for _, fd := range pair {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20) // the usual size carries one message, too
	}
	if err := unix.SetNonblock(pair[0], true); err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "messages"), os.NewFile(uintptr(pair[1]), "messages")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe", string(argument))
	cmd.Args[0] = serverName
	cmd.ExtraFiles = []*os.File{theirs, root, disk}
	cmd.Stderr = os.Stderr
	cmd.Env = []string{"GOMAXPROCS=2", "GOGC=50"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	return &fileServer{cmd: cmd, messages: ours}, nil
}

// relay carries messages between the client and the server until one of them ends.
func (s *fileServer) relay(ctx context.Context, conn net.Conn, counting *meter) error {
	ended := make(chan error, 2)
	go func() { ended <- pump(metered{s.messages, counting.request}, conn) }()
	go func() { ended <- drain(metered{conn, counting.response}, s.messages) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	if errors.Is(err, io.EOF) {
		err = nil // the client has unmounted
	}
	conn.Close()
	return errors.Join(err, s.end())
}

// end ends the process: its open files and locks go with it.
func (s *fileServer) end() error {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // killed
	return s.messages.Close()
}
