package vpc

import (
	"bytes"
	"slices"
)

// clientStream is what a firewall endpoint knows of the client's side of a connection that is not decided yet.
type clientStream struct {
	connection
	base uint32   // the number of the first byte
	told []int    // rules that were reported
	held [][]byte // packets that wait for the decision
	seen uint64   // when there last was a packet
}

// decider applies a policy to what is known of a connection.
type decider func(*connection) (verdict, []int)

// outcome is what becomes of a segment: packets go on, after the connection was marked if its fate is decided.
type outcome struct {
	packets [][]byte
	mark    uint32
	events  []int
}

// heldMost is how many packets of a client wait for a decision. A client sends ten before it hears of the first
// (https://www.rfc-editor.org/rfc/rfc6928): with as many held, nobody would ever say more.
const heldMost = 8

func newStream(s segment) *clientStream {
	return &clientStream{connection: connection{source: s.source, destination: s.destination}, base: s.start()}
}

// outlived tells that a segment begins another connection between the same ends.
func (t *clientStream) outlived(s segment) bool { return s.has(flagSYN) && s.start() != t.base }

// take looks at the client's next segment.
func (t *clientStream) take(s segment, decide decider) outcome {
	if len(s.payload) == 0 && !s.has(flagFIN) || s.has(flagRST) {
		return outcome{packets: [][]byte{s.packet}} // it says nothing
	}
	if known, asBefore := t.known(s); known {
		return t.again(s, asBefore)
	}
	at := int(int32(s.start() - t.base))
	if at > len(t.begin) {
		return outcome{} // something is missing before it: both are sent again
	}
	t.begin = append(t.begin, s.payload[min(len(s.payload), len(t.begin)-at):]...)
	t.held = append(t.held, bytes.Clone(s.packet))
	t.whole = s.has(flagFIN) || len(t.begin) >= inspected
	return t.settle(decide)
}

// known tells whether all of a segment came before, and whether it is the same: another beginning is nobody's mistake.
func (t *clientStream) known(s segment) (known, asBefore bool) {
	at := int(int32(s.start() - t.base))
	if at < 0 {
		return true, len(s.payload) == 0 || at == -1 && len(s.payload) == 1 // a keep-alive probe
	}
	overlap := min(len(s.payload), max(0, len(t.begin)-at))
	asBefore = overlap == 0 || bytes.Equal(t.begin[at:at+overlap], s.payload[:overlap])
	if !asBefore {
		return true, false
	}
	return at+len(s.payload) <= len(t.begin) && !s.has(flagFIN), true
}

// again passes on what has passed before, if it is the same.
func (t *clientStream) again(s segment, asBefore bool) outcome {
	if !asBefore || len(t.held) > 0 {
		return outcome{}
	}
	return outcome{packets: [][]byte{s.packet}}
}

// settle decides, with what has come so far.
func (t *clientStream) settle(decide decider) outcome {
	v, events := decide(&t.connection)
	if v == verdictMore && len(t.held) >= heldMost {
		t.whole = true
		v, events = decide(&t.connection)
	}
	if v == verdictMore {
		return outcome{}
	}
	o := outcome{packets: t.held, events: t.untold(events)}
	t.held = nil
	switch {
	case v == verdictDrop:
		o.mark = droppedMark // the kernel drops and counts them
	case v == verdictReject:
		o.mark = rejectedMark
	case v == verdictPass || t.whole:
		o.mark = passedMark
	}
	return o
}

// untold returns the rules that were not reported yet, and remembers them.
func (t *clientStream) untold(events []int) (fresh []int) {
	for _, e := range events {
		if !slices.Contains(t.told, e) {
			t.told = append(t.told, e)
			fresh = append(fresh, e)
		}
	}
	return fresh
}
