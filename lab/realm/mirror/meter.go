package mirror

import (
	"encoding/binary"
	"io"
	"sync"
)

// Traffic is what clients have read and written since a mount target began to listen.
type Traffic struct {
	Reads, Writes, Others int64 // operations
	ReadBytes, WriteBytes int64
}

// Plus adds up.
func (t Traffic) Plus(o Traffic) Traffic {
	return Traffic{t.Reads + o.Reads, t.Writes + o.Writes, t.Others + o.Others, t.ReadBytes + o.ReadBytes, t.WriteBytes + o.WriteBytes}
}

// Since is what came since an earlier look; a mount target that listens anew began at nothing.
func (t Traffic) Since(o Traffic) Traffic {
	if o.Reads > t.Reads || o.Writes > t.Writes || o.Others > t.Others {
		return t
	}
	return Traffic{t.Reads - o.Reads, t.Writes - o.Writes, t.Others - o.Others, t.ReadBytes - o.ReadBytes, t.WriteBytes - o.WriteBytes}
}

// Headers and operations of FUSE's messages, as in linux/fuse.h.
const (
	opRead         = 15
	opWrite        = 16
	requestHeader  = 40 // bytes; then a write has 40 more before its data
	writeHeader    = 40
	responseHeader = 16
)

// meter counts what one connection carries.
type meter struct {
	mu      sync.Mutex
	seen    Traffic
	reading map[uint64]bool // reads that have not been answered, by their unique numbers
}

func newMeter() *meter { return &meter{reading: map[uint64]bool{}} }

// request looks at a message to the file server.
func (m *meter) request(message []byte) {
	if len(message) < requestHeader {
		return
	}
	operation, unique := binary.NativeEndian.Uint32(message[4:]), binary.NativeEndian.Uint64(message[8:])
	m.mu.Lock()
	defer m.mu.Unlock()
	switch operation {
	case opRead:
		m.reading[unique] = true
	case opWrite:
		m.seen.Writes++
		m.seen.WriteBytes += int64(max(0, len(message)-requestHeader-writeHeader))
	default:
		m.seen.Others++
	}
}

// response looks at a message from the file server.
func (m *meter) response(message []byte) {
	if len(message) < responseHeader {
		return
	}
	unique := binary.NativeEndian.Uint64(message[8:])
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reading[unique] {
		delete(m.reading, unique)
		m.seen.Reads++
		m.seen.ReadBytes += int64(len(message) - responseHeader)
	}
}

func (m *meter) total() Traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen
}

// metered shows each message to a function before it is written on; every Write is one message.
type metered struct {
	io.Writer
	look func(message []byte)
}

// Write writes.
func (m metered) Write(message []byte) (int, error) {
	m.look(message)
	return m.Writer.Write(message)
}
