package balancer

import "time"

// beginSlowly lets a target that has just become healthy begin with a small share, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode
// says: not one of those that a group began with, and only when another healthy target has its full share. A target
// that becomes unhealthy leaves slow start. The caller holds mu.
func (n *node) beginSlowly(key watchKey, watch *watched, before Verdict) {
	watch.slow = time.Time{}
	group, ok := n.spec.Group(key.Group)
	if !ok || group.SlowStart == 0 || watch.judge.verdict != VerdictHealthy || watch.founding && before == VerdictInitial {
		return
	}
	now := time.Now()
	for other, sibling := range n.watched {
		if other != key && other.Group == key.Group && sibling.judge.verdict == VerdictHealthy && !sibling.target.Draining &&
			sibling.share(group.SlowStart, now) == fullWeight {
			watch.slow = now
			return
		}
	}
}

// share is the target's weight: it rises linearly over the duration.
func (w *watched) share(duration time.Duration, now time.Time) int {
	if w.slow.IsZero() || duration == 0 {
		return fullWeight
	}
	elapsed := now.Sub(w.slow)
	if elapsed >= duration {
		w.slow = time.Time{}
		return fullWeight
	}
	return max(1, int(fullWeight*elapsed/duration))
}
