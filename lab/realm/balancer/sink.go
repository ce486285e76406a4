package balancer

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pipeSize is what the log's pipe holds while its reader is late, in bytes. What does not fit HAProxy drops.
const pipeSize = 1 << 20

// longestLine is the longest line that HAProxy writes, in bytes.
const longestLine = 65535

// accessSink receives what HAProxy logs, over a pipe that the HAProxy processes of a node inherit one after another.
// A socket would hold but a few messages, and a burst of requests would go uncounted.
type accessSink struct {
	reading, writing *os.File
	reader           sync.WaitGroup
}

func openAccessSink(handle func(line string)) (*accessSink, error) {
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe for HAProxy's log: %w", err)
	}
	_, _ = unix.FcntlInt(writing.Fd(), unix.F_SETPIPE_SZ, pipeSize) // it may be over the user's limit
	sink := &accessSink{reading: reading, writing: writing}
	sink.reader.Go(func() { sink.read(handle) })
	return sink, nil
}

func (s *accessSink) read(handle func(line string)) {
	lines := bufio.NewScanner(s.reading)
	lines.Buffer(make([]byte, 1<<16), 2*longestLine)
	for {
		for lines.Scan() {
			handle(lines.Text())
		}
		if !errors.Is(lines.Err(), bufio.ErrTooLong) {
			return // closed
		}
		lines = bufio.NewScanner(s.reading)
		lines.Buffer(make([]byte, 1<<16), 2*longestLine)
	}
}

// close ends the reader, once every process that writes has ended.
func (s *accessSink) close() error {
	err := errors.Join(s.writing.Close(), s.reading.Close())
	s.reader.Wait()
	return err
}

// handle passes an entry on. HAProxy's other messages are of no use: the node knows them from elsewhere.
func (n *node) handle(line string) {
	if n.access == nil {
		return
	}
	entry, ok := parseEntry(line)
	if !ok {
		return
	}
	n.mu.Lock()
	entry.Balancer, entry.Interface, entry.Zone = n.spec.Balancer, n.spec.Interface, n.spec.Zone
	n.mu.Unlock()
	n.access(entry)
}
