package postgres

import (
	"cmp"
	"slices"
)

// view is all that a decision may depend on.
type view struct {
	state
	Stopped  bool
	Failover Order
	Members  []memberView // in the order of their declaration
}

// memberView is one member as it was declared and observed.
type memberView struct {
	ID      string
	Zone    string
	Tier    int
	Size    int64 // of its class, to choose among a tier
	Ready   bool  // its network interface is there
	Down    bool  // declared down
	Hung    bool  // declared hung: what is started would hang, too
	Leaving bool  // no longer declared
	Restart bool  // a restart is asked for

	Busy         bool // an action on it is under way
	Waiting      bool // it failed a moment ago: leave it alone for a while
	Running      bool // its postmaster lives
	Answering    bool // it accepts connections
	Unresponsive bool // it runs but has not answered for too long
	InRecovery   bool // with Answering: it is a reader
	Settled      bool // LSN is all that it has: it has streamed, or replayed to its end
	LSN          uint64
	Follows      string // the member that it streams from, by its configuration
	Streaming    bool   // the writer says so
	Flushed      bool   // the writer says that it has flushed all that was written when SyncNames became effective
	Receiving    bool   // it still takes in what the writer sent
	Stuck        bool   // it has tried to catch up for too long
	Strayed      bool   // it answers but has not streamed for long: its history may have left the writer's
	Kin          bool   // it has streamed from the recorded writer since that became the writer
	Broken       bool   // it does not start, again and again: its data is not worth keeping
	Paused       bool   // a reader that stopped replaying: the writer's limits are higher than its own
	Unreachable  bool   // its network has been dead for too long
	Prepared     bool   // a writer that has its roles and slots
	// SyncNames are the readers that the writer, if this is it, waits for now.
	SyncNames []string
}

func (m memberView) reader() bool { return m.Running && m.Answering && m.InRecovery && !m.Unresponsive }
func (m memberView) writer() bool {
	return m.Running && m.Answering && !m.InRecovery && !m.Unresponsive
}

// verb is what an action does.
type verb string

const (
	doInitialize verb = "initialize" // make the cluster's data on Member and record it as the writer
	doStart      verb = "start"      // in its role: the recorded writer as such, all others as readers
	doClone      verb = "clone"      // copy the writer's data and start
	doRejoin     verb = "rejoin"     // bring the data back into the writer's history and start
	doFence      verb = "fence"      // kill every process of it
	doHandOver   verb = "hand-over"  // stop the writer so that its readers have everything
	doPromote    verb = "promote"    // record it as the writer, then promote
	doCatchUp    verb = "catch-up"   // stream from From, which is ahead, before a promotion
	doFollow     verb = "follow"     // stream from From
	doRestart    verb = "restart"
	doStop       verb = "stop"   // cleanly
	doRemove     verb = "remove" // delete its data
	doRetire     verb = "retire" // stop the last member cleanly and keep its data as the cluster's volume
	doSetSync    verb = "set-sync"
	doRecordSync verb = "record-sync"
)

type action struct {
	Do      verb
	Member  string
	From    string
	Readers []string // of the sync verbs
}

// decide returns what to do next. It is a pure function: the same view gives the same answer.
func decide(v view) []action {
	if v.Stopped {
		return stopAll(v)
	}
	if !v.Initialized || v.Writer == "" {
		return initialize(v)
	}
	if acts := fenceStrangers(v); len(acts) > 0 {
		return acts
	}
	acts := leadership(v)
	for _, m := range v.Members {
		if m.ID != v.Writer {
			acts = append(acts, follow(v, m)...)
		}
	}
	return once(acts)
}

// once keeps the first action on each member.
func once(acts []action) []action {
	seen := map[string]bool{}
	return slices.DeleteFunc(acts, func(a action) bool {
		if seen[a.Member] {
			return true
		}
		seen[a.Member] = true
		return false
	})
}

func (v view) find(id string) (memberView, bool) {
	i := slices.IndexFunc(v.Members, func(m memberView) bool { return m.ID == id })
	if i < 0 {
		return memberView{}, false
	}
	return v.Members[i], true
}

func initialize(v view) []action {
	for _, m := range v.Members {
		if m.Busy {
			return nil // it is being made
		}
	}
	var acts []action
	for _, m := range v.Members {
		switch {
		case m.Leaving:
			acts = append(acts, action{Do: doRemove, Member: m.ID})
		case m.Ready && !m.Down && !m.Hung && !m.Waiting:
			return append(acts, action{Do: doInitialize, Member: m.ID})
		}
	}
	return acts
}

// fenceStrangers kills what writes without being the recorded writer. Nothing else happens before that.
func fenceStrangers(v view) []action {
	var acts []action
	for _, m := range v.Members {
		if m.ID != v.Writer && m.Running && m.Answering && !m.InRecovery {
			acts = append(acts, action{Do: doFence, Member: m.ID})
		}
	}
	return acts
}

// leadership sees to it that there is one writer.
func leadership(v view) []action {
	w, known := v.find(v.Writer)
	if known && w.Busy {
		return nil
	}
	if !w.Running && v.draining() {
		return nil
	}
	successor, behind := v.successor()
	replace := func() []action {
		if behind != "" {
			return []action{{Do: doCatchUp, Member: successor, From: behind}}
		}
		return []action{{Do: doPromote, Member: successor}}
	}
	ordered := v.Failover.Generation > v.FailoverDone
	switch {
	case known && w.Down:
		return lostWriter(w, successor, replace)
	case known && w.Leaving:
		return leavingWriter(v, w, successor, replace)
	case known && w.writer():
		if w.Unreachable && v.canTakeOver(successor) {
			return []action{{Do: doFence, Member: w.ID}} // nobody can tell it to stop any more
		}
		if ordered && successor != "" {
			return []action{{Do: doHandOver, Member: w.ID}}
		}
		return upkeep(v, w)
	case known && w.Running && !w.Unresponsive:
		if w.Answering { // recorded, but the promotion was cut short
			return []action{{Do: doPromote, Member: w.ID}}
		}
		return nil // it is starting
	case known && w.Running:
		return []action{{Do: doFence, Member: w.ID}}
	case successor != "":
		return replace()
	case known && !w.Waiting && w.Ready && !w.Hung:
		return []action{{Do: doStart, Member: w.ID}}
	}
	return nil
}

// canTakeOver tells whether clients could reach the member if it were the writer.
func (v view) canTakeOver(id string) bool {
	m, ok := v.find(id)
	return ok && !m.Unreachable
}

func lostWriter(w memberView, successor string, replace func() []action) []action {
	if w.Running {
		return []action{{Do: doFence, Member: w.ID}}
	}
	if successor != "" {
		return replace()
	}
	return nil
}

// leavingWriter hands over to a reader that stays, or keeps the data as the cluster's volume when none will.
func leavingWriter(v view, w memberView, successor string, replace func() []action) []action {
	stays := slices.ContainsFunc(v.Members, func(m memberView) bool { return !m.Leaving })
	others := len(v.Members) > 1
	switch {
	case stays && successor != "" && w.Running:
		return []action{{Do: doHandOver, Member: w.ID}}
	case stays && successor != "":
		return replace()
	case stays && !w.Running && !w.Waiting && w.Ready && !w.Hung:
		return []action{{Do: doStart, Member: w.ID}} // only it has the data: the others copy from it first
	case stays:
		return upkeep(v, w)
	case others:
		return upkeep(v, w) // the readers leave first
	}
	return []action{{Do: doRetire, Member: w.ID}}
}

// draining tells whether a reader still takes in what the dead writer sent last. Until it has, its position is not its
// last, and it could end up ahead of whoever is promoted.
func (v view) draining() bool {
	return slices.ContainsFunc(v.Members, func(m memberView) bool {
		return m.ID != v.Writer && m.reader() && m.Receiving && m.Follows == v.Writer
	})
}

// successor returns the member to promote, and the member from which it first has to catch up. None is safe unless
// every recorded synchronous reader has been seen: the one that is missing might alone hold an acknowledged commit.
func (v view) successor() (id, behind string) {
	farthest, ok := v.farthest()
	if !ok {
		return "", ""
	}
	var candidates []memberView
	for _, m := range v.Members {
		if m.ID != v.Writer && m.promotable() && (m.Kin || slices.Contains(v.Synchronous, m.ID)) {
			candidates = append(candidates, m)
		}
	}
	if len(candidates) == 0 {
		return "", ""
	}
	best := slices.MinFunc(candidates, v.preference)
	switch {
	case best.LSN >= farthest.LSN:
		return best.ID, ""
	case best.Stuck && farthest.promotable():
		return farthest.ID, ""
	}
	return best.ID, farthest.ID
}

// farthest returns the recorded synchronous reader that has most; not ok when there is none or one was not seen.
func (v view) farthest() (most memberView, ok bool) {
	for _, name := range v.Synchronous {
		m, known := v.find(name)
		if !known || m.ID == v.Writer {
			continue
		}
		if !m.reader() || !m.Settled || m.Busy {
			return memberView{}, false
		}
		if most.ID == "" || m.LSN > most.LSN {
			most = m
		}
	}
	return most, most.ID != ""
}

// promotable tells whether a reader could be the writer.
func (m memberView) promotable() bool {
	return m.reader() && m.Settled && !m.Busy && !m.Leaving && !m.Down && !m.Hung && m.Ready
}

// preference orders candidates: those that clients can reach, the order's target, promotion tier, size, how far they
// are, and id.
func (v view) preference(a, b memberView) int {
	target := ""
	if v.Failover.Generation > v.FailoverDone {
		target = v.Failover.Target
	}
	return cmp.Or(
		cmp.Compare(rank(!a.Unreachable), rank(!b.Unreachable)),
		cmp.Compare(rank(a.ID == target), rank(b.ID == target)),
		cmp.Compare(a.Tier, b.Tier),
		cmp.Compare(b.Size, a.Size),
		cmp.Compare(b.LSN, a.LSN),
		cmp.Compare(a.ID, b.ID))
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// upkeep is what a healthy writer needs.
func upkeep(v view, w memberView) []action {
	if !w.writer() {
		return nil
	}
	if w.Restart && !w.Leaving {
		return []action{{Do: doRestart, Member: w.ID}}
	}
	return synchronize(v, w)
}

// synchronize moves the set of readers that commits wait for, one safe step at a time. The invariant: every
// acknowledged commit is in at least one member of the recorded set, unless the set is empty.
func synchronize(v view, w memberView) []action {
	want, flushed := v.readersToWaitFor(w)
	record := func(readers []string) []action {
		return []action{{Do: doRecordSync, Member: w.ID, Readers: readers}}
	}
	set := func(readers []string) []action { return []action{{Do: doSetSync, Member: w.ID, Readers: readers}} }
	effective := slices.Equal(want, w.SyncNames)
	switch {
	case len(want) == 0 && len(v.Synchronous) > 0:
		return record(nil) // before commits stop waiting
	case len(w.SyncNames) == 0 && len(v.Synchronous) > 0:
		return record(nil) // they do not wait, whatever the reason
	case !effective && len(want) > 0 && len(v.Synchronous) > 0 && !subset(want, v.Synchronous):
		return record(union(v.Synchronous, want)) // before the new ones may acknowledge
	case !effective:
		return set(want)
	case !slices.Equal(want, v.Synchronous) && flushed:
		return record(want) // one of them has all that was written under another rule
	}
	return nil
}

// readersToWaitFor returns the readers of which one must have a commit before it is acknowledged: those in other zones
// than the writer's, so that the loss of a zone loses nothing; without any, those in its own. Flushed tells whether one
// of them has all that was written under another rule.
func (v view) readersToWaitFor(w memberView) (want []string, flushed bool) {
	var other, same []memberView
	for _, m := range v.Members {
		switch {
		case m.ID == w.ID || !m.Streaming || !m.reader() || m.Leaving || m.Down:
		case m.Zone != w.Zone:
			other = append(other, m)
		default:
			same = append(same, m)
		}
	}
	if len(other) == 0 {
		other = same
	}
	for _, m := range other {
		want = append(want, m.ID)
		flushed = flushed || m.Flushed
	}
	slices.Sort(want)
	return want, flushed
}

// follow is what a reader needs.
func follow(v view, m memberView) []action {
	one := func(do verb) []action { return []action{{Do: do, Member: m.ID, From: v.Writer}} }
	w, _ := v.find(v.Writer)
	built := slices.Contains(v.Built, m.ID)
	switch {
	case m.Busy:
		return nil
	case m.Leaving:
		return leave(v, m)
	case m.Down && m.Running, m.Unresponsive:
		return one(doFence)
	case m.Down, m.Waiting, !m.Ready, m.Hung && !m.Running:
		return nil
	case !built, m.Broken && !m.Running && w.writer():
		return only(w.writer() && w.Prepared, one(doClone))
	case slices.Contains(v.Rejoin, m.ID), m.Strayed:
		return only(w.writer(), one(doRejoin))
	case !m.Running:
		return one(doStart)
	case (m.Restart || m.Paused) && m.Answering:
		return one(doRestart)
	case m.Follows != v.Writer:
		return only(w.writer(), one(doFollow))
	}
	return nil
}

// leave lets a reader go. One that may hold the only copy of a commit goes when the writer is well, so that the
// recorded set moves on without it first.
func leave(v view, m memberView) []action {
	w, _ := v.find(v.Writer)
	needed := slices.Contains(v.Synchronous, m.ID) && (w.writer() || !w.Leaving)
	return only(!needed, []action{{Do: doRemove, Member: m.ID}})
}

// stopAll stops the writer first, so that the readers have everything, and lets members leave.
func stopAll(v view) []action {
	w, ok := v.find(v.Writer)
	if ok && w.Busy {
		return nil
	}
	if ok && w.Running {
		return []action{{Do: doStop, Member: w.ID}}
	}
	var acts []action
	for _, m := range v.Members {
		if m.Running && !m.Busy {
			acts = append(acts, action{Do: doStop, Member: m.ID})
		}
	}
	return acts
}

func only(condition bool, acts []action) []action {
	if condition {
		return acts
	}
	return nil
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
