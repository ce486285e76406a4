package vpc

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// clientSays makes the packet of a client's segment: sequence counts from the first byte of what it says.
func clientSays(t testing.TB, sequence int, flags byte, text string) segment {
	t.Helper()
	const isn = 0xfffffff0 // so that the numbers wrap
	packet := make([]byte, 40, 40+len(text))
	packet[0], packet[9] = 0x45, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(packet[2:], uint16(40+len(text)))
	copy(packet[12:], []byte{10, 0, 0, 1})
	copy(packet[16:], []byte{203, 0, 113, 1})
	binary.BigEndian.PutUint16(packet[20:], 40000)
	binary.BigEndian.PutUint16(packet[22:], 80)
	number := uint32(isn) + uint32(sequence)
	if flags&flagSYN != 0 {
		number--
	}
	binary.BigEndian.PutUint32(packet[24:], number)
	packet[32], packet[33] = 5<<4, flags
	s, ok := parseSegment(append(packet, text...))
	require.True(t, ok)
	require.Equal(t, text, string(s.payload))
	return s
}

// forbidsBad drops what has "bad" in it, waits for a whole line, and passes the rest so far.
func forbidsBad(c *connection) (verdict, []int) {
	switch {
	case bytes.Contains(c.begin, []byte("bad")):
		return verdictDrop, []int{7}
	case c.whole:
		return verdictPass, nil
	case !bytes.Contains(c.begin, []byte("\n")):
		return verdictMore, nil
	case bytes.HasPrefix(c.begin, []byte("good")):
		return verdictPass, nil
	}
	return verdictSoFar, nil
}

type said struct {
	sequence int
	flags    byte
	text     string
}

func TestWhatAClientSaysIsHeldUntilItIsDecided(t *testing.T) {
	many := []said{}
	for n := range heldMost {
		many = append(many, said{n, 0, "x"})
	}
	for _, c := range []struct {
		what   string
		says   []said
		passes string // what goes on after the last segment
		mark   uint32
		events []int
	}{
		{"the handshake", []said{{0, flagSYN, ""}}, "", 0, nil},
		{"half a line", []said{{0, 0, "go"}}, "held", 0, nil},
		{"a good line in two halves", []said{{0, 0, "go"}, {2, 0, "od\n"}}, "good\n", passedMark, nil},
		{"a bad one in two halves", []said{{0, 0, "b"}, {1, 0, "ad"}}, "bad", droppedMark, []int{7}},
		{"so far", []said{{0, 0, "so far\n"}}, "so far\n", 0, nil},
		{"so far, and then a bad one", []said{{0, 0, "so far\n"}, {7, 0, "bad"}}, "bad", droppedMark, []int{7}},
		{"so far, sent again", []said{{0, 0, "so far\n"}, {0, 0, "so far\n"}}, "so far\n", 0, nil},
		{"so far, sent again with more", []said{{0, 0, "so\n"}, {0, 0, "so\nfar"}}, "so\nfar", 0, nil},
		{"what was held, sent again", []said{{0, 0, "go"}, {0, 0, "go"}}, "held", 0, nil},
		{"something else in the place of what has passed", []said{{0, 0, "so far\n"}, {0, 0, "bad far"}}, "held", 0, nil},
		{"something else in the place of a part", []said{{0, 0, "so far\n"}, {5, 0, "bad"}}, "held", 0, nil},
		{"the second segment first", []said{{0, flagSYN, ""}, {2, 0, "od\n"}}, "held", 0, nil},
		{"the end", []said{{0, 0, "half"}, {4, flagFIN, ""}}, "half", passedMark, nil},
		{"the end, and something missing before it", []said{{0, flagSYN, ""}, {4, flagFIN, ""}}, "held", 0, nil},
		{"a reset", []said{{0, 0, "half"}, {4, flagRST, ""}}, "", 0, nil},
		{"an acknowledgement", []said{{0, flagSYN, ""}, {0, 0, ""}}, "", 0, nil},
		{"a probe whether it is alive", []said{{0, flagSYN, ""}, {-1, 0, "\x00"}}, "\x00", 0, nil},
		{"a beginning before the beginning", []said{{0, flagSYN, ""}, {-3, 0, "bad"}}, "held", 0, nil},
		{"more segments than a client sends unheard", many, strings.Repeat("x", heldMost), passedMark, nil},
		{"as long as anybody looks", []said{{0, 0, "so\n" + strings.Repeat("x", inspected)}}, "so\n" + strings.Repeat("x", inspected), passedMark, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			stream := newStream(clientSays(t, c.says[0].sequence, c.says[0].flags, c.says[0].text))
			var last outcome
			for _, s := range c.says {
				last = stream.take(clientSays(t, s.sequence, s.flags, s.text), forbidsBad)
			}
			passes := ""
			for _, packet := range last.packets {
				passes += string(packet[40:])
			}
			if c.passes == "held" {
				require.Empty(t, last.packets)
			} else {
				require.NotEmpty(t, last.packets)
				require.Equal(t, c.passes, passes)
			}
			require.Equal(t, c.mark, last.mark)
			require.Equal(t, c.events, last.events)
		})
	}
}

func TestAnotherConnectionBetweenTheSameEndsBeginsAnew(t *testing.T) {
	stream := newStream(clientSays(t, 0, flagSYN, ""))
	require.False(t, stream.outlived(clientSays(t, 0, flagSYN, "")), "a SYN that is sent again")
	require.False(t, stream.outlived(clientSays(t, 100, 0, "text")))
	require.True(t, stream.outlived(clientSays(t, 5000, flagSYN, "")))
}

func TestTheStreamThatWasSilentLongestIsForgotten(t *testing.T) {
	i := newInspector()
	for n := range undecidedStreams + 1 {
		s := clientSays(t, 0, flagSYN, "")
		s.source = netip.AddrPortFrom(s.source.Addr(), uint16(n+1))
		i.stream(s)
	}
	require.Len(t, i.streams, undecidedStreams)
	for ends := range i.streams {
		require.NotEqualValues(t, 1, ends.source.Port())
	}
}

func TestPacketsThatWereOnTheirWayWhenTheirConnectionWasDecidedAreNotLookedAt(t *testing.T) {
	i := newInspector()
	first, second := clientSays(t, 0, 0, "first"), clientSays(t, 5, 0, "second")
	i.stream(first)
	require.False(t, i.isDecided(second))
	i.settle(first.flowEnds)
	require.True(t, i.isDecided(second))
	require.False(t, i.isDecided(clientSays(t, 9000, flagSYN, "")), "a new connection")
	require.False(t, i.isDecided(second), "nor what follows of it")

	i.stream(first)
	i.settle(first.flowEnds)
	for n := range decidedStreams {
		other := clientSays(t, 0, 0, "other")
		other.source = netip.AddrPortFrom(other.source.Addr(), uint16(n+1))
		i.stream(other)
		i.settle(other.flowEnds)
	}
	require.True(t, i.isDecided(second), "remembered as long as packets may wait")
	require.LessOrEqual(t, len(i.decided)+len(i.before), 2*decidedStreams)
}

func FuzzParseSegment(f *testing.F) {
	f.Add(clientSays(f, 0, flagSYN, "text").packet)
	f.Fuzz(func(t *testing.T, packet []byte) {
		if s, ok := parseSegment(packet); ok {
			require.LessOrEqual(t, len(s.payload), len(packet)-40)
		}
	})
}
