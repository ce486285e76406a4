package postgres

import (
	"cmp"
	"slices"
)

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
			return v.fenceFirst(w, successor, replace) // nobody can tell it to stop any more
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
		return v.fenceFirst(w, successor, replace)
	case successor != "":
		return replace()
	case known && !w.Waiting && w.Ready && !w.Hung:
		return []action{{Do: doStart, Member: w.ID}}
	}
	return nil
}

// fenceFirst kills a writer that is to be replaced, unless that is what the fault keeps from happening.
func (v view) fenceFirst(w memberView, successor string, replace func() []action) []action {
	if v.Unfenced {
		return only(successor != "", replace())
	}
	return []action{{Do: doFence, Member: w.ID}}
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
