package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func reader(id string, tier int, lsn uint64) memberView {
	return memberView{
		ID: id, Zone: "zone of " + id, Tier: tier, Ready: true, Running: true, Answering: true, InRecovery: true, Settled: true, LSN: lsn,
		Follows: "a", Streaming: true, Flushed: true, Kin: true,
	}
}

func writer(id string, names ...string) memberView {
	return memberView{ID: id, Zone: "zone of " + id, Ready: true, Running: true, Answering: true, LSN: 100, SyncNames: names, Prepared: true}
}

func dead(m memberView) memberView {
	m.Running, m.Answering, m.Streaming = false, false, false
	return m
}

// standing is a cluster of a, which writes, and b and c, which are synchronous.
func standing() view {
	return view{
		state:   state{Initialized: true, Writer: "a", Synchronous: []string{"b", "c"}, Built: []string{"a", "b", "c"}},
		Members: []memberView{writer("a", "b", "c"), reader("b", 1, 100), reader("c", 2, 100)},
	}
}

func TestDecide(t *testing.T) {
	for name, test := range map[string]struct {
		change func(v *view)
		want   []action
	}{
		"all is well":             {func(*view) {}, nil},
		"the first member begins": {func(v *view) { v.state = state{} }, []action{{Do: doInitialize, Member: "a"}}},
		"the first member begins, however long its network takes": {func(v *view) { v.state, v.Members[0].Ready = state{}, false }, nil},
		"a first member without power is passed over": {
			func(v *view) { v.state, v.Members[0].Down = state{}, true }, []action{{Do: doInitialize, Member: "b"}},
		},
		"a dead writer is replaced by the best tier": {
			func(v *view) { v.Members[0] = dead(v.Members[0]) }, []action{{Do: doPromote, Member: "b"}},
		},
		"nobody is promoted while a reader still takes in what the writer sent": {
			func(v *view) { v.Members[0] = dead(v.Members[0]); v.Members[2].Receiving = true }, nil,
		},
		"the best tier catches up first": {
			func(v *view) { v.Members[0] = dead(v.Members[0]); v.Members[1].LSN = 90 }, []action{{Do: doCatchUp, Member: "b", From: "c"}},
		},
		"one that can't catch up is passed over": {
			func(v *view) { v.Members[0] = dead(v.Members[0]); v.Members[1].LSN, v.Members[1].Stuck = 90, true }, []action{{Do: doPromote, Member: "c"}},
		},
		"a reader that was not seen may hold a commit: the writer is started again": {
			func(v *view) {
				v.Members[0], v.Members[1].Answering = dead(v.Members[0]), false
			}, []action{{Do: doStart, Member: "a"}},
		},
		"a reader that has not settled does not count": {
			func(v *view) { v.Members[0], v.Members[1].Settled = dead(v.Members[0]), false }, []action{{Do: doStart, Member: "a"}},
		},
		"without synchronous readers only the writer will do": {
			func(v *view) { v.Members[0], v.Synchronous = dead(v.Members[0]), nil }, []action{{Do: doStart, Member: "a"}},
		},
		"a hung writer is fenced first": {
			func(v *view) { v.Members[0].Unresponsive = true }, []action{{Do: doFence, Member: "a"}},
		},
		"without fences a hung writer is replaced as it is": {
			func(v *view) { v.Unfenced, v.Members[0].Unresponsive = true, true }, []action{{Do: doPromote, Member: "b"}},
		},
		"without fences a writer that is cut off is replaced as it is": {
			func(v *view) { v.Unfenced, v.Members[0].Unreachable = true, true }, []action{{Do: doPromote, Member: "b"}},
		},
		"without fences and without a successor a hung writer is waited for": {
			func(v *view) { v.Unfenced, v.Members[0].Unresponsive, v.Synchronous = true, true, nil }, nil,
		},
		"an old writer that nobody fenced no longer waits for readers": {
			func(v *view) {
				v.Unfenced, v.Writer, v.Rejoin, v.Synchronous = true, "b", []string{"a"}, []string{"c"}
				v.Members[1], v.Members[2].Follows = writer("b", "c"), "b"
			}, []action{{Do: doSetSync, Member: "a"}},
		},
		"and is then left alone": {
			func(v *view) {
				v.Unfenced, v.Writer, v.Rejoin, v.Synchronous = true, "b", []string{"a"}, []string{"c"}
				v.Members[0], v.Members[1], v.Members[2].Follows = writer("a"), writer("b", "c"), "b"
			}, nil,
		},
		"and fenced once the fault is over": {
			func(v *view) {
				v.Writer, v.Rejoin, v.Synchronous = "b", []string{"a"}, []string{"c"}
				v.Members[0], v.Members[1], v.Members[2].Follows = writer("a"), writer("b", "c"), "b"
			}, []action{{Do: doFence, Member: "a"}},
		},
		"without fences, one without power is killed all the same": {
			func(v *view) {
				v.Unfenced, v.Writer, v.Rejoin, v.Synchronous = true, "b", []string{"a"}, []string{"c"}
				v.Members[0], v.Members[1], v.Members[2].Follows = writer("a"), writer("b", "c"), "b"
				v.Members[0].Down = true
			}, []action{{Do: doFence, Member: "a", From: "b"}},
		},
		"a writer without power is fenced and not started": {
			func(v *view) { v.Members[0].Down, v.Synchronous = true, nil }, []action{{Do: doFence, Member: "a"}},
		},
		"a stranger that writes is fenced before anything else": {
			func(v *view) { v.Members[1].InRecovery = false; v.Members[0] = dead(v.Members[0]) }, []action{{Do: doFence, Member: "b"}},
		},
		"an interrupted promotion is finished": {
			func(v *view) {
				v.Writer, v.Synchronous, v.Members[0] = "b", nil, dead(v.Members[0])
				v.Members[1].Follows = ""
			},
			[]action{{Do: doPromote, Member: "b"}, {Do: doStart, Member: "a", From: "b"}},
		},
		"an ordered failover hands over": {
			func(v *view) { v.Failover = Order{Generation: 1, Target: "c"} }, []action{{Do: doHandOver, Member: "a"}},
		},
		"its target is promoted": {
			func(v *view) { v.Failover, v.Members[0] = Order{Generation: 1, Target: "c"}, dead(v.Members[0]) }, []action{{Do: doPromote, Member: "c"}},
		},
		"an order that was carried out is not repeated": {
			func(v *view) { v.Failover, v.FailoverDone = Order{Generation: 1}, 1 }, nil,
		},
		"an order waits for a reader that can take over": {
			func(v *view) {
				v.Failover, v.Synchronous, v.Members[0].SyncNames = Order{Generation: 1}, nil, []string{"b", "c"}
				v.Members[1].Flushed, v.Members[2].Flushed = false, false
			}, nil,
		},
		"a dead reader is let go before commits stop waiting for it": {
			func(v *view) { v.Members[1], v.Members[2] = dead(v.Members[1]), dead(v.Members[2]) },
			[]action{{Do: doRecordSync, Member: "a"}, {Do: doStart, Member: "b", From: "a"}, {Do: doStart, Member: "c", From: "a"}},
		},
		"commits stop waiting once that is recorded": {
			func(v *view) {
				v.Members[1].Streaming, v.Members[2].Streaming, v.Synchronous = false, false, nil
			}, []action{{Do: doSetSync, Member: "a"}},
		},
		"a new reader is waited for before it is counted on": {
			func(v *view) { v.Synchronous, v.Members[0].SyncNames = nil, nil }, []action{{Do: doSetSync, Member: "a", Readers: []string{"b", "c"}}},
		},
		"and counted on when it has everything": {
			func(v *view) { v.Synchronous = nil }, []action{{Do: doRecordSync, Member: "a", Readers: []string{"b", "c"}}},
		},
		"a set that grows is recorded first": {
			func(v *view) { v.Synchronous, v.Members[0].SyncNames = []string{"b"}, []string{"b"} }, []action{{Do: doRecordSync, Member: "a", Readers: []string{"b", "c"}}},
		},
		"a new member is copied": {
			func(v *view) {
				v.Built = []string{"a", "b"}
				v.Members[2] = dead(v.Members[2])
				v.Synchronous, v.Members[0].SyncNames = []string{"b"}, []string{"b"}
			},
			[]action{{Do: doClone, Member: "c", From: "a"}},
		},
		"the old writer is brought back": {
			func(v *view) {
				v.Writer, v.Rejoin, v.Synchronous = "b", []string{"a"}, []string{"c"}
				v.Members[0], v.Members[1] = dead(v.Members[0]), writer("b", "c")
				v.Members[2].Follows = "b"
			}, []action{{Do: doRejoin, Member: "a", From: "b"}},
		},
		"a reader follows the new writer": {
			func(v *view) { v.Members[2].Follows = "x" }, []action{{Do: doFollow, Member: "c", From: "a"}},
		},
		"a leaving writer hands over": {
			func(v *view) { v.Members[0].Leaving = true }, []action{{Do: doHandOver, Member: "a"}},
		},
		"a leaving reader goes after the set has moved on": {
			func(v *view) { v.Members[1].Leaving = true }, []action{{Do: doSetSync, Member: "a", Readers: []string{"c"}}},
		},
		"the last member leaves its data": {
			func(v *view) { v.Members = v.Members[:1]; v.Members[0].Leaving = true }, []action{{Do: doRetire, Member: "a"}},
		},
		"a stopped cluster stops its writer first": {
			func(v *view) { v.Stopped = true }, []action{{Do: doStop, Member: "a"}},
		},
		"commits wait for readers of other zones only": {
			func(v *view) { v.Members[1].Zone = v.Members[0].Zone }, []action{{Do: doSetSync, Member: "a", Readers: []string{"c"}}},
		},
		"and for those of its own when there are no others": {
			func(v *view) { v.Members[1].Zone, v.Members[2].Zone = v.Members[0].Zone, v.Members[0].Zone }, nil,
		},
		"a better tier in the writer's zone is promoted although no commit waited for it": {
			func(v *view) { v.Members[0], v.Synchronous = dead(v.Members[0]), []string{"c"} }, []action{{Do: doPromote, Member: "b"}},
		},
		"after it has caught up": {
			func(v *view) {
				v.Members[0], v.Synchronous, v.Members[1].LSN = dead(v.Members[0]), []string{"c"}, 90
			}, []action{{Do: doCatchUp, Member: "b", From: "c"}},
		},
		"but not one that never streamed from this writer": {
			func(v *view) {
				v.Members[0], v.Synchronous, v.Members[1].Kin = dead(v.Members[0]), []string{"c"}, false
			}, []action{{Do: doPromote, Member: "c"}},
		},
		"the larger of a tier is promoted": {
			func(v *view) {
				v.Members[0], v.Members[1].Tier, v.Members[2].Size = dead(v.Members[0]), 2, 1
			}, []action{{Do: doPromote, Member: "c"}},
		},
		"a writer whose network is dead is fenced": {
			func(v *view) { v.Members[0].Unreachable = true }, []action{{Do: doFence, Member: "a"}},
		},
		"unless nobody who could be reached would take over": {
			func(v *view) {
				for i := range v.Members {
					v.Members[i].Unreachable = true
				}
			}, nil,
		},
		"one that clients can reach goes before a better tier": {
			func(v *view) { v.Members[0], v.Members[1].Unreachable = dead(v.Members[0]), true }, []action{{Do: doPromote, Member: "c"}},
		},
		"a reader that can't start is copied anew": {
			func(v *view) {
				v.Members[1], v.Members[1].Broken = dead(v.Members[1]), true
				v.Synchronous, v.Members[0].SyncNames = []string{"c"}, []string{"c"}
			}, []action{{Do: doClone, Member: "b", From: "a"}},
		},
		"what would hang is not started": {
			func(v *view) {
				v.Members[0], v.Members[0].Hung = dead(v.Members[0]), true
				v.Synchronous = nil
			}, nil,
		},
		"a reader below the writer's limits is restarted": {
			func(v *view) { v.Members[1].Paused = true }, []action{{Do: doRestart, Member: "b", From: "a"}},
		},
		"what is under way is left alone": {
			func(v *view) { v.Members[0] = dead(v.Members[0]); v.Members[0].Busy = true }, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := standing()
			test.change(&v)
			require.Equal(t, test.want, decide(v))
		})
	}
}

// model is a cluster whose servers are numbers: what each has flushed. It carries out decisions as the real one does,
// with chance deciding what dies, lags or is cut short in between.
type model struct {
	rand    *rand.Rand
	durable state
	order   Order
	nodes   map[string]*node
	acked   uint64 // the newest acknowledged position of this writer's history
	problem string
}

type node struct {
	running, hung bool
	writes        bool
	settled       bool
	lsn           uint64
	follows       string
	names         []string // a writer waits for these
	barrier       uint64
	stray         bool // its history left the writer's
	zone          string
	kin           bool // it has streamed from the recorded writer in this reign
	far           bool // its network is dead
}

func newModel(seed uint64, members int) *model {
	m := &model{rand: rand.New(rand.NewPCG(seed, 1)), nodes: map[string]*node{}}
	for i := range members {
		m.nodes[string(rune('a'+i))] = &node{zone: string(rune('x' + m.rand.IntN(3)))}
	}
	return m
}

func (m *model) ids() []string {
	var ids []string
	for i := range len(m.nodes) {
		ids = append(ids, string(rune('a'+i)))
	}
	return ids
}

func (m *model) view() view {
	v := view{state: m.durable.clone(), Failover: m.order}
	w := m.nodes[m.durable.Writer]
	for i, id := range m.ids() {
		n := m.nodes[id]
		seen := memberView{
			ID: id, Zone: n.zone, Tier: i, Kin: n.kin, Unreachable: n.far, Ready: true, Running: n.running, Answering: n.running && !n.hung, Unresponsive: n.running && n.hung,
			InRecovery: !n.writes, Strayed: n.stray && n.running && !n.writes, Settled: n.settled, LSN: n.lsn, Follows: n.follows, Prepared: true, SyncNames: slices.Clone(n.names),
		}
		if w != nil && n != w && m.streams(id) {
			n.kin = true
			seen.Streaming, seen.Kin = true, true
			seen.Flushed = w.barrier > 0 && n.lsn >= w.barrier
		}
		v.Members = append(v.Members, seen)
	}
	return v
}

// streams tells whether the reader receives from the recorded writer.
func (m *model) streams(id string) bool {
	n, w := m.nodes[id], m.nodes[m.durable.Writer]
	return n.running && !n.hung && !n.writes && !n.stray && n.follows == m.durable.Writer && w.running && !w.hung && w.writes
}

// live lets time pass: the writer writes, readers receive some of it, and what may be acknowledged is.
func (m *model) live() {
	w := m.nodes[m.durable.Writer]
	if w == nil || !w.running || w.hung || !w.writes {
		return
	}
	w.lsn++
	enough := len(w.names) == 0
	for _, id := range m.ids() {
		if n := m.nodes[id]; n != w && m.streams(id) && m.rand.IntN(3) > 0 {
			n.lsn, n.settled = w.lsn, true
			enough = enough || slices.Contains(w.names, id)
		}
	}
	if enough {
		m.acked = w.lsn
	}
	if w.barrier == 0 && m.rand.IntN(2) == 0 {
		w.barrier = w.lsn
	}
}

func (m *model) die(n *node) { n.running, n.hung, n.writes, n.settled = false, false, false, false }

// misfortune kills or hangs something, or everything.
func (m *model) misfortune() {
	n := m.nodes[m.ids()[m.rand.IntN(len(m.nodes))]]
	switch m.rand.IntN(12) {
	case 0:
		m.die(n)
	case 1:
		n.hung = n.running
	case 2:
		for _, n := range m.nodes {
			m.die(n)
		}
	case 4:
		n.far = !n.far
	case 5: // a zone
		for _, other := range m.nodes {
			if other.zone == n.zone {
				m.die(other)
			}
		}
	case 3:
		m.order.Generation++
		m.order.Target = m.ids()[m.rand.IntN(len(m.nodes))]
	}
}

func (m *model) carryOut(a action) {
	n, from := m.nodes[a.Member], m.nodes[a.From]
	switch a.Do {
	case doInitialize:
		m.durable = state{Initialized: true, Writer: a.Member, Built: []string{a.Member}}
	case doStart, doRestart:
		m.start(a.Member)
	case doClone, doRejoin:
		n.lsn, n.stray = from.lsn, false
		m.durable.Built, m.durable.Rejoin = with(m.durable.Built, a.Member), without(m.durable.Rejoin, a.Member)
		m.start(a.Member)
	case doFence, doHandOver, doStop:
		if a.Do == doHandOver {
			for _, id := range m.ids() {
				if m.streams(id) && m.rand.IntN(4) > 0 {
					m.nodes[id].lsn = n.lsn
				}
			}
		}
		m.die(n)
	case doPromote:
		m.promote(a.Member)
	case doCatchUp:
		n.follows = a.From
		if m.rand.IntN(2) == 0 {
			n.lsn = max(n.lsn, from.lsn)
		}
	case doFollow:
		n.follows = a.From
	case doSetSync:
		n.names, n.barrier = a.Readers, 0
	case doRecordSync:
		m.durable.Synchronous = a.Readers
	default:
		m.problem = "nobody leaves in this model: " + string(a.Do)
	}
}

func (m *model) start(id string) {
	n := m.nodes[id]
	n.running, n.hung, n.writes, n.settled = true, false, id == m.durable.Writer, false
	if n.writes {
		n.names, n.barrier = slices.Clone(m.durable.Synchronous), 0
		return
	}
	n.follows, n.settled = m.durable.Writer, m.rand.IntN(2) == 0
}

func (m *model) promote(id string) {
	n, before := m.nodes[id], m.durable.Writer
	if id != before {
		m.die(m.nodes[before])
		if n.lsn < m.acked {
			m.problem = fmt.Sprintf("%s was promoted with %d, but %d was acknowledged", id, n.lsn, m.acked)
		}
		m.durable.Rejoin = with(without(m.durable.Rejoin, id), before)
		m.durable.Writer, m.durable.Synchronous = id, nil
		if m.order.Generation > m.durable.FailoverDone {
			m.durable.FailoverDone = m.order.Generation
		}
		for other, o := range m.nodes {
			o.kin = false
			if other != id && o.lsn > n.lsn {
				o.stray = true
			}
		}
	}
	if m.rand.IntN(8) == 0 {
		return // cut short after the record
	}
	n.writes, n.names, n.barrier = true, nil, 0
}

func (m *model) check() {
	writing := 0
	for _, n := range m.nodes {
		if n.running && n.writes {
			writing++
		}
	}
	if writing > 1 {
		m.problem = fmt.Sprintf("%d writers at once", writing)
	}
}

// wanted returns the readers that commits wait for when all is well.
func (m *model) wanted() []string {
	var other, same []string
	for _, id := range m.ids() {
		switch {
		case id == m.durable.Writer:
		case m.nodes[id].zone != m.nodes[m.durable.Writer].zone:
			other = append(other, id)
		default:
			same = append(same, id)
		}
	}
	if len(other) == 0 {
		return same
	}
	return other
}

func TestNoHistoryHasTwoWritersOrLosesAnAcknowledgedCommit(t *testing.T) {
	promotions := 0
	for seed := range uint64(1000) {
		m := newModel(seed, 2+int(seed%3))
		for step := range 200 {
			for range m.rand.IntN(3) {
				m.live()
			}
			m.misfortune()
			was := m.durable.Writer
			for _, a := range decide(m.view()) {
				m.check()
				if m.rand.IntN(10) == 0 {
					break // the round is cut short
				}
				m.carryOut(a)
				m.check()
			}
			if was != "" && m.durable.Writer != was {
				promotions++
			}
			require.Empty(t, m.problem, "seed %d, step %d", seed, step)
		}
		// Left alone, the cluster becomes whole.
		for _, n := range m.nodes {
			n.far = false
		}
		for range 200 {
			m.live()
			for _, a := range decide(m.view()) {
				m.carryOut(a)
			}
		}
		w := m.nodes[m.durable.Writer]
		require.True(t, w.running && w.writes, "seed %d: no writer in the end", seed)
		require.Equal(t, m.wanted(), m.durable.Synchronous, "seed %d: not every reader that should be is synchronous in the end", seed)
		require.Empty(t, m.problem, "seed %d", seed)
	}
	require.Greater(t, promotions, 300, "the model hardly ever promotes: it proves nothing")
}

func TestTheModelSeesAnUnsafePromotion(t *testing.T) {
	m := newModel(1, 2)
	m.durable = state{Initialized: true, Writer: "a", Built: []string{"a", "b"}}
	m.start("a")
	m.start("b")
	for range 5 {
		m.nodes["b"].hung = true
		m.live()
	}
	m.promote("b")
	require.Contains(t, m.problem, "was acknowledged")
}

func TestSyncNamesSurviveARoundTrip(t *testing.T) {
	for _, names := range [][]string{nil, {"db-A"}, {"db-A", "db-B"}} {
		require.Equal(t, names, parseSyncNames(syncNames(names)))
	}
}

func TestAVerifierFitsItsPasswordOnly(t *testing.T) {
	verifier, err := scramVerifier("secret", "0123456789abcdef")
	require.NoError(t, err)
	require.True(t, verifies(verifier, "secret"))
	require.False(t, verifies(verifier, "Secret"))
	require.False(t, verifies("md5abc", "secret"))
}

func TestAReaderIsAvailableOnceItCouldTakeOver(t *testing.T) {
	m := &member{}
	seen := reader("b", 1, 100)
	seen.Kin = false
	m.noteJoined(seen, state{})
	require.False(t, m.joined, "it has not streamed yet")
	seen.Kin = true
	m.noteJoined(seen, state{})
	require.False(t, m.joined, "no commit waits for any reader")
	m.noteJoined(seen, state{Synchronous: []string{"c"}})
	require.True(t, m.joined, "it can catch up from c")
	m.noteJoined(reader("b", 1, 100), state{})
	require.True(t, m.joined, "a failover does not make it new")

	awaited := &member{}
	seen.Kin = false
	awaited.noteJoined(seen, state{Synchronous: []string{"b"}})
	require.True(t, awaited.joined, "commits waited for it before the lab was started again")
	starting := &member{}
	starting.noteJoined(dead(seen), state{Synchronous: []string{"b"}})
	require.False(t, starting.joined)
}
