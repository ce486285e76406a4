package mirror

import (
	"encoding/binary"
	"fmt"
	"io"
)

// FUSE messages of both directions begin with their own length, so a stream of them needs no framing of ours:
// https://man7.org/linux/man-pages/man4/fuse.4.html
const (
	maxWrite   = 128 << 10             // bytes of data in one message
	maxMessage = maxWrite + (16 << 10) // with headers and names
	minMessage = 16                    // a reply without data
)

// readMessage reads one message into the buffer and returns it.
func readMessage(from io.Reader, buffer []byte) ([]byte, error) {
	if _, err := io.ReadFull(from, buffer[:4]); err != nil {
		return nil, err
	}
	length := int(binary.NativeEndian.Uint32(buffer[:4]))
	if length < minMessage || length > len(buffer) {
		return nil, fmt.Errorf("a message of %d bytes: expected %d to %d", length, minMessage, len(buffer))
	}
	if _, err := io.ReadFull(from, buffer[4:length]); err != nil {
		return nil, err
	}
	return buffer[:length], nil
}

// pump copies messages from a stream to where each is one write, until either side ends.
func pump(to io.Writer, from io.Reader) error {
	buffer := make([]byte, maxMessage)
	for {
		message, err := readMessage(from, buffer)
		if err != nil {
			return err
		}
		if _, err := to.Write(message); err != nil {
			return err
		}
	}
}

// drain copies messages from where each is one read to a stream.
func drain(to io.Writer, from io.Reader) error {
	buffer := make([]byte, maxMessage)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
