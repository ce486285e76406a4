package postgres

import "slices"

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

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
