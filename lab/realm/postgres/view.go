package postgres

import (
	"reflect"
	"slices"
	"time"
)

// view gathers what was observed for the decision.
func (c *cluster) view() view {
	v := view{state: c.current(), Stopped: c.spec().Stopped, Unfenced: c.spec().Unfenced, Failover: c.spec().Failover}
	var writer *member
	if writer = c.member(v.Writer); writer != nil {
		writer.noteBarrier()
	}
	if c.reign != v.Writer {
		for _, m := range c.list() {
			m.kin = false
		}
		c.reign = v.Writer
	}
	for _, m := range c.list() {
		seen := m.view(writer)
		seen.Prepared = m == writer && c.prepared != ""
		v.Members = append(v.Members, seen)
	}
	return v
}

// brokenAfter is how often a reader may fail in a row before its data is copied anew.
const brokenAfter = 4

// strayAfter is how long a reader may answer without being streamed to, and without getting on by itself from the
// archive, before its data is brought back by force.
const strayAfter = 5 * time.Second

func (m *member) view(writer *member) memberView {
	m.mu.Lock()
	busy, retryAt, restartDone, course, failures := m.busy, m.retryAt, m.restartDone, m.course, m.failures
	m.mu.Unlock()
	seen := m.seen
	out := memberView{
		ID: m.spec().ID, Zone: m.spec().Zone, Tier: m.spec().Tier, Size: m.spec().Size, Ready: m.spec().Namespace != nil,
		Down: m.spec().Down, Hung: m.spec().Hung, Leaving: m.leaving, Unreachable: m.unreachable(), Paused: seen.paused && !m.spec().ReplayPaused && !m.held,
		Broken:  failures >= brokenAfter,
		Restart: m.spec().Restart > restartDone,
		Busy:    busy != "" || m.occupied, Waiting: time.Now().Before(retryAt), Running: m.alive,
		Answering: seen.answers && m.alive, Unresponsive: m.unresponsive(), InRecovery: seen.recovery, Settled: seen.settled,
		LSN: seen.lsn, Follows: course.follows, SyncNames: seen.syncNames, Receiving: seen.receiving,
		Stuck: !course.catchingUp.IsZero() && time.Since(course.catchingUp) > 5*time.Second,
	}
	if writer != nil && writer != m {
		if stream, ok := writer.seen.streams[m.spec().ID]; ok && writer.alive {
			out.Streaming = true
			barrier := writer.steered().barrier
			out.Flushed = barrier > 0 && stream.flushed >= barrier
		}
		m.kin = m.kin || out.Streaming
		out.Kin = m.kin
		out.Strayed = m.noteStray(out, writer)
	}
	return out
}

func (m *member) noteStray(v memberView, writer *member) bool {
	healthy := v.reader() && writer.seen.answers && !writer.seen.recovery && !v.Streaming && v.Follows == writer.spec().ID
	switch {
	case !healthy:
		m.strayed = time.Time{}
	case m.strayed.IsZero():
		m.strayed = time.Now()
	}
	return healthy && time.Since(m.strayed) > strayAfter && time.Since(m.seen.lsnSince) > strayAfter
}

// noteBarrier remembers, in a writer, what was written when the readers it waits for became effective. The check
// points' process and the senders read a changed setting a moment after the postmaster; hence the pause.
func (m *member) noteBarrier() {
	m.mu.Lock()
	defer m.mu.Unlock()
	effective := m.seen.answers && slices.Equal(m.seen.syncNames, m.course.readers)
	if m.course.barrier == 0 && effective && time.Since(m.course.setAt) > 300*time.Millisecond {
		m.course.barrier = m.seen.lsn
	}
}

// publish makes the observation public and tells when it differs.
func (c *cluster) publish(v view) {
	o := Observation{
		ID: c.spec().ID, Observed: true, Unfenced: v.Unfenced, FailoverDone: v.FailoverDone, Synchronous: v.Synchronous,
		CredentialsDone: c.secured, Restorable: c.backups.since(),
	}
	o.FailingOver = v.Initialized && v.Failover.Generation > v.FailoverDone
	writer := c.member(v.Writer)
	for i, m := range c.list() {
		seen := c.observeMember(m, v.Members[i], v.state)
		if writer != nil && writer != m {
			seen.Lag = writer.seen.streams[m.spec().ID].lag
		}
		if seen.Writer {
			o.Writer = seen.ID
		}
		if seen.Phase == PhaseAvailable && m.hurt.Swap(false) {
			c.tell(Event{Member: seen.ID, Kind: EventRecovered})
		}
		o.Members = append(o.Members, seen)
	}
	if v.Initialized && o.Writer == "" && v.Writer != "" && len(v.Synchronous) > 0 {
		o.FailingOver = true
	}
	c.mu.Lock()
	different := !reflect.DeepEqual(coarse(o), coarse(c.public))
	c.public = o
	c.mu.Unlock()
	if different {
		c.manager.notify()
	}
}

// coarse leaves out what changes all the time.
func coarse(o Observation) Observation {
	o.Members = slices.Clone(o.Members)
	for i := range o.Members {
		o.Members[i].LSN, o.Members[i].Lag = 0, 0
		storage := &o.Members[i].Storage
		*storage = Storage{Size: storage.Size, Free: storage.step()}
	}
	return o
}

func (c *cluster) observation() Observation {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.public
	o.Members = slices.Clone(o.Members)
	return o
}

func (c *cluster) observeMember(m *member, v memberView, recorded state) MemberObservation {
	waits := m.waits()
	m.noteJoined(v, recorded)
	m.mu.Lock()
	defer m.mu.Unlock()
	o := MemberObservation{
		ID: m.spec().ID, Reason: m.reason, LSN: v.LSN, Streaming: v.Streaming, Paused: m.seen.paused,
		RestartDone: m.restartDone, Storage: m.storage,
	}
	o.PendingRestart = m.pending || waits
	isWriter := m.spec().ID == recorded.Writer
	switch {
	case v.Leaving:
		o.Phase = PhaseLeaving
	case m.busy == doRestart || v.Restart:
		o.Phase = PhaseRestarting
	case m.busy == doInitialize || m.busy == doClone || m.busy == doRejoin:
		o.Phase = PhaseBuilding
	case v.Down || v.Unresponsive:
		o.Phase = PhaseDown
	case v.Unreachable && !isWriter:
		o.Phase, o.Reason = PhaseDown, "its network is dead"
	case c.spec().Stopped && !v.Running:
		o.Phase = PhaseStopped
	case isWriter && v.writer() && c.prepared != "":
		o.Phase, o.Writer, o.Reason = PhaseAvailable, true, ""
	case !isWriter && v.reader() && m.joined:
		o.Phase, o.Reason = PhaseAvailable, ""
	case v.Running:
		o.Phase = PhaseStarting
	case slices.Contains(recorded.Built, m.spec().ID):
		o.Phase = PhaseDown
	default:
		o.Phase = PhaseWaiting
	}
	return o
}

// noteJoined remembers that a reader could take over: commits wait for it, or they wait for another and it has the writer's
// history, too. Until then a new one is not available, since the loss of the writer would find nobody to promote.
func (m *member) noteJoined(v memberView, recorded state) {
	could := slices.Contains(recorded.Synchronous, v.ID) || v.Kin && len(recorded.Synchronous) > 0
	m.joined = m.joined || v.reader() && could
}
