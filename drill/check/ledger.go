package check

import (
	"slices"

	"haven/drill/history"
)

// Ledger judges all appends by the last consistent list that showed the whole ledger: each acknowledged entry must be
// there under the number that its client was told, and none that nobody sent. It returns ErrUnreliable when no list succeeded
// after the last acknowledged append, for then nothing is known.
func Ledger(h history.History) ([]Finding, error) {
	appends, lists := succeeded(h, history.Append), succeeded(h, history.List)
	if len(appends) == 0 {
		return nil, finding(ErrUnreliable, 0, "no append was acknowledged")
	}
	last := appends[len(appends)-1]
	if len(lists) == 0 || lists[len(lists)-1].Start < last.End {
		return nil, finding(ErrUnreliable, last.End, "the ledger was not read whole after the last acknowledged append")
	}
	final := lists[len(lists)-1]
	bySequence, byKey := map[int64]string{}, map[string]int64{}
	for _, entry := range final.Entries {
		bySequence[entry.Sequence], byKey[entry.Key] = entry.Key, entry.Sequence
	}
	var lost []Finding
	for _, o := range appends {
		if at, there := byKey[o.Key]; !there {
			lost = append(lost, finding(ErrLostAppend, o.End, "%s, acknowledged as number %d by %s, is not in the ledger", o.Key, o.Sequence, o.Server))
		} else if at != o.Sequence {
			lost = append(lost, finding(ErrLostAppend, o.End, "%s was acknowledged as number %d and is number %d", o.Key, o.Sequence, at))
		}
	}
	return append(few(lost), append(few(phantoms(h, final)), few(twoWriters(h, bySequence))...)...), nil
}

// phantoms are entries that no client sent.
func phantoms(h history.History, final history.Operation) (found []Finding) {
	sent := map[string]bool{}
	for _, o := range h.Of(history.Append) {
		sent[o.Key] = true
	}
	for _, entry := range final.Entries {
		if !sent[entry.Key] {
			found = append(found, finding(ErrPhantom, final.End, "number %d is %q", entry.Sequence, entry.Key))
		}
	}
	return found
}

// twoWriters looks for a number that was given twice: two writers that count by themselves. A failover may skip
// numbers, never give one again, once a client was told of it.
func twoWriters(h history.History, final map[int64]string) (found []Finding) {
	given := map[int64]history.Operation{}
	for _, o := range succeeded(h, history.Append) {
		if before, twice := given[o.Sequence]; twice && before.Key != o.Key {
			found = append(found, finding(ErrTwoWriters, o.End, "number %d was given to %s and to %s; the ledger has %q there", o.Sequence, before.Key, o.Key, final[o.Sequence]))
			continue
		}
		given[o.Sequence] = o
	}
	return found
}

// Files judges all files by the last read of each: it must show what was last acknowledged, or what was written at an
// unknown outcome since. Files that were never read after their last acknowledged write make the run unreliable.
func Files(h history.History) ([]Finding, error) {
	puts := map[string][]history.Operation{}
	for _, o := range h.Of(history.Put) {
		puts[o.Key] = append(puts[o.Key], o)
	}
	var lost []Finding
	acknowledged := 0
	for _, o := range succeeded(h, history.Get) {
		if allowed := allowedDigests(puts[o.Key], o); allowed != nil && !slices.Contains(allowed, o.Digest) {
			lost = append(lost, finding(ErrLostFile, o.End, "%s was read with SHA-256 %.12s…, which was not written last", o.Key, o.Digest))
		}
	}
	for name, writes := range puts {
		last, ok := lastAcknowledged(writes)
		if !ok {
			continue
		}
		acknowledged++
		read := slices.ContainsFunc(succeeded(h, history.Get), func(o history.Operation) bool { return o.Key == name && o.Start >= last.End })
		if gone := slices.ContainsFunc(h.Of(history.Get), func(o history.Operation) bool {
			return o.Key == name && o.Start >= last.End && o.Status == 404
		}); gone {
			lost = append(lost, finding(ErrLostFile, last.End, "%s, acknowledged by %s, was not found", name, last.Server))
		} else if !read {
			return nil, finding(ErrUnreliable, last.End, "%s was not read after it had been acknowledged", name)
		}
	}
	if acknowledged == 0 {
		return nil, finding(ErrUnreliable, 0, "no file was acknowledged")
	}
	return few(lost), nil
}

// allowedDigests are what a read may show: the last write acknowledged before it began, and every write that was under
// way or of unknown outcome since. Without an acknowledged write before the read, anything may be seen (nil).
func allowedDigests(writes []history.Operation, read history.Operation) (allowed []string) {
	var last *history.Operation
	for i, w := range writes {
		if w.Outcome == history.OK && w.End <= read.Start && (last == nil || w.End > last.End) {
			last = &writes[i]
		}
	}
	if last == nil {
		return nil
	}
	allowed = append(allowed, last.Digest)
	for _, w := range writes {
		if w.Outcome != history.Failed && w.Start < read.End && (w.End > last.Start || w.Outcome == history.Unknown) {
			allowed = append(allowed, w.Digest)
		}
	}
	return allowed
}

func lastAcknowledged(writes []history.Operation) (last history.Operation, ok bool) {
	for _, w := range writes {
		if w.Outcome == history.OK && (!ok || w.End > last.End) {
			last, ok = w, true
		}
	}
	return last, ok
}
