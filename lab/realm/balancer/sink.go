package balancer

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// accessSink receives what HAProxy logs, as datagrams.
type accessSink struct {
	conn   *net.UnixConn
	reader sync.WaitGroup
}

func openAccessSink(dir string, handle func(line []byte)) (*accessSink, error) {
	folder, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the node's folder: %w", err)
	}
	defer unix.Close(folder)
	if err := os.Remove(filepath.Join(dir, logSocket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing an old log socket: %w", err)
	}
	path := filepath.Join("/proc", strconv.Itoa(os.Getpid()), "fd", strconv.Itoa(folder), logSocket)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listening for HAProxy's log: %w", err)
	}
	sink := &accessSink{conn: conn}
	sink.reader.Go(func() { sink.read(handle) })
	return sink, nil
}

func (s *accessSink) read(handle func(line []byte)) {
	buffer := make([]byte, 1<<16)
	for {
		size, err := s.conn.Read(buffer)
		if err != nil {
			return // closed
		}
		handle(bytes.TrimSpace(buffer[:size]))
	}
}

func (s *accessSink) close() error {
	err := s.conn.Close()
	s.reader.Wait()
	return err
}

// handle passes an access entry on. HAProxy's other messages are of no use: the node knows them from elsewhere.
func (n *node) handle(line []byte) {
	if n.access == nil {
		return
	}
	entry, ok := parseEntry(line)
	if !ok {
		return
	}
	entry.Time = time.Now()
	n.mu.Lock()
	entry.Balancer, entry.Interface = n.spec.Balancer, n.spec.Interface
	n.mu.Unlock()
	n.access(entry)
}
