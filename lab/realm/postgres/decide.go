package postgres

import "slices"

// view is all that a decision may depend on.
type view struct {
	state
	Stopped  bool
	Unfenced bool // a fault: see ClusterSpec
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
	Paused       bool   // a reader that stopped replaying, though no fault says so: the writer's limits are higher than its own
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

// initialize has the member that was declared first make the cluster's data, as the first instance of a cluster becomes
// its writer: one that still gets its network is waited for, one that can't start is passed over.
func initialize(v view) []action {
	if slices.ContainsFunc(v.Members, func(m memberView) bool { return m.Busy }) {
		return nil // it is being made
	}
	var acts []action
	for _, m := range v.Members {
		switch {
		case m.Leaving:
			acts = append(acts, action{Do: doRemove, Member: m.ID})
		case m.Down || m.Hung || m.Waiting:
		case !m.Ready:
			return acts
		default:
			return append(acts, action{Do: doInitialize, Member: m.ID})
		}
	}
	return acts
}

// fenceStrangers kills what writes without being the recorded writer. Nothing else happens before that.
func fenceStrangers(v view) []action {
	if v.Unfenced {
		return nil
	}
	var acts []action
	for _, m := range v.Members {
		if m.ID != v.Writer && m.Running && m.Answering && !m.InRecovery {
			acts = append(acts, action{Do: doFence, Member: m.ID})
		}
	}
	return acts
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
	case m.Down && m.Running:
		return one(doFence)
	case v.leftWriting(m):
		return only(m.Answering && len(m.SyncNames) > 0, []action{{Do: doSetSync, Member: m.ID}}) // its readers have left it
	case m.Unresponsive:
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

// leftWriting tells whether a member is an old writer that nothing was done to when another took its place.
func (v view) leftWriting(m memberView) bool {
	return v.Unfenced && m.Running && !m.InRecovery && slices.Contains(v.Rejoin, m.ID)
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
