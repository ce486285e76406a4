package vpc

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// segment is one TCP segment of a client, with the packet that it came in.
type segment struct {
	flowEnds
	sequence uint32
	flags    byte
	payload  []byte
	packet   []byte
}

// Flags of a segment: https://www.rfc-editor.org/rfc/rfc9293#section-3.1
const (
	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
)

func (s segment) has(flag byte) bool { return s.flags&flag != 0 }

// start is the number of the payload's first byte: a SYN has one of its own.
func (s segment) start() uint32 {
	if s.has(flagSYN) {
		return s.sequence + 1
	}
	return s.sequence
}

// parseSegment reads an IPv4 packet that is whole.
func parseSegment(packet []byte) (s segment, ok bool) {
	source, destination, protocol, ok := fiveTuple(packet)
	if !ok || protocol != unix.IPPROTO_TCP {
		return segment{}, false
	}
	header, length := int(packet[0]&0x0f)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if length > len(packet) || length < header+20 {
		return segment{}, false
	}
	tcp := packet[header:length]
	offset := int(tcp[12]>>4) * 4
	if offset < 20 || offset > len(tcp) {
		return segment{}, false
	}
	return segment{
		flowEnds: flowEnds{source, destination}, sequence: binary.BigEndian.Uint32(tcp[4:]), flags: tcp[13],
		payload: tcp[offset:], packet: packet[:length],
	}, true
}
