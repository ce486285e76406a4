package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// cluster is one cluster at run time: a goroutine that observes, decides and acts.
type cluster struct {
	manager *Manager
	dir     string
	log     *slog.Logger
	wake    chan struct{}
	ctx     context.Context // ends when the cluster is closed: whatever is being built is given up
	stop    context.CancelFunc
	done    chan struct{}

	declared atomic.Pointer[ClusterSpec] // as the goroutine last took it
	roster   atomic.Pointer[[]*member]   // never changed in place
	prepared string                      // what was last prepared on the writer: see prepareWriter
	secured  int64                       // generation of the password that was last set
	reign    string                      // the writer of the last round
	actions  sync.WaitGroup
	backups  backups

	mu     sync.Mutex
	wanted ClusterSpec
	state  state
	public Observation
}

func openCluster(m *Manager, spec ClusterSpec) (*cluster, error) {
	c := &cluster{
		manager: m, dir: filepath.Join(m.options.Dir, spec.ID), log: m.options.Log.With("cluster", spec.Name),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		wanted: spec, public: Observation{ID: spec.ID},
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.declared.Store(&spec)
	c.roster.Store(new([]*member))
	if err := os.MkdirAll(c.dir, 0o711); err != nil {
		return nil, fmt.Errorf("making its folder: %w", err)
	}
	if err := m.makeOwned(c.archive()); err != nil {
		return nil, err
	}
	var err error
	if c.state, err = readState(c.dir); err != nil {
		return nil, err
	}
	go c.run()
	return c, nil
}

func (c *cluster) spec() ClusterSpec { return *c.declared.Load() }
func (c *cluster) list() []*member   { return *c.roster.Load() }

func (c *cluster) archive() string { return filepath.Join(c.dir, "archive") }
func (c *cluster) volume() string  { return filepath.Join(c.dir, "volume") }

func (c *cluster) declare(spec ClusterSpec) {
	c.mu.Lock()
	c.wanted = spec
	c.mu.Unlock()
	c.wakeUp()
}

func (c *cluster) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// end stops the goroutine and then every member, writer first, keeping the data.
func (c *cluster) end() {
	c.stop()
	<-c.done
	c.actions.Wait()
	writer := c.current().Writer
	last := slices.Clone(c.list())
	slices.SortFunc(last, func(a, b *member) int { return orderWriterFirst(a.spec().ID, b.spec().ID, writer) })
	for _, m := range last {
		if err := m.halt(5 * time.Second); err != nil {
			c.log.Error("stopping a member", "member", m.spec().Name, "error", err)
		}
		m.close()
	}
}

func orderWriterFirst(a, b, writer string) int {
	return rank(a == writer) - rank(b == writer)
}

func (c *cluster) run() {
	defer close(c.done)
	ticker := time.NewTicker(c.manager.options.ProbeEvery)
	defer ticker.Stop()
	for {
		c.round()
		select {
		case <-c.ctx.Done():
			return
		case <-c.wake:
		case <-ticker.C:
		}
	}
}

// round observes, decides and acts once.
func (c *cluster) round() {
	c.takeDeclaration()
	c.observe()
	v := c.view()
	acts := decide(v)
	for _, a := range acts {
		c.log.Debug("deciding", "do", a.Do, "member", a.Member, "from", a.From, "readers", a.Readers)
		c.act(a)
	}
	c.prepareWriter(v)
	c.keepBackups(v)
	c.publish(v)
	if len(acts) > 0 {
		c.wakeUp()
		time.Sleep(20 * time.Millisecond) // a failing action must not spin
	}
}

// takeDeclaration brings the list of members in line with the declaration and with what is on disk.
func (c *cluster) takeDeclaration() {
	c.mu.Lock()
	wanted := c.wanted
	c.declared.Store(&wanted)
	onDisk := append(slices.Clone(c.state.Built), c.state.Writer)
	c.mu.Unlock()
	stay := slices.DeleteFunc(slices.Clone(c.list()), func(m *member) bool {
		if m.gone.Load() {
			m.close()
		}
		return m.gone.Load()
	})
	c.roster.Store(&stay)
	for _, m := range c.list() {
		m.leaving = true
	}
	for _, spec := range c.spec().Members {
		if !spec.Leaving || c.member(spec.ID) != nil || slices.Contains(onDisk, spec.ID) {
			c.takeMember(spec, spec.Leaving)
		}
	}
	for _, id := range onDisk {
		if id != "" && c.member(id) == nil { // deleted while the lab was down
			c.takeMember(MemberSpec{ID: id, Name: id}, true)
		}
	}
}

func (c *cluster) takeMember(spec MemberSpec, leaving bool) {
	m := c.member(spec.ID)
	if m == nil {
		var err error
		if m, err = newMember(c, spec); err != nil {
			c.log.Error("taking on a member", "member", spec.Name, "error", err)
			return
		}
		m.restartDone = spec.Restart
		more := append(slices.Clone(c.list()), m)
		c.roster.Store(&more)
	}
	before := m.spec()
	changed := !reflect.DeepEqual(before.Parameters, spec.Parameters) || !slices.Equal(before.Deferred, spec.Deferred) || !slices.Equal(before.Names, spec.Names)
	m.declared.Store(&spec)
	m.leaving = leaving
	if changed && m.running() != nil {
		m.change(spec.Parameters, spec.Deferred)
		c.reconfigure(m)
	}
}

func (c *cluster) member(id string) *member {
	i := slices.IndexFunc(c.list(), func(m *member) bool { return m.spec().ID == id })
	if i < 0 {
		return nil
	}
	return c.list()[i]
}

// observe looks at every member. The writer's process is looked at before the readers' positions, so that a position
// seen beside a dead writer is the last one.
func (c *cluster) observe() {
	var wait sync.WaitGroup
	for _, m := range c.list() {
		m.occupied = m.isBusy() != "" // first: an action that ends meanwhile counts as under way
		m.alive = m.running() != nil
	}
	for _, m := range c.list() {
		c.keepTouch(m)
		wait.Go(func() {
			if err := m.hang(); err != nil {
				c.log.Error("stopping a member's processes", "member", m.spec().Name, "error", err)
			}
			m.look(c.manager.options.ProbeTimeout)
			c.keepStorage(m)
		})
	}
	wait.Wait()
}

// keepStorage holds the member to its volume's size and measures what is left.
func (c *cluster) keepStorage(m *member) {
	if c.manager.options.VolumeBytes == 0 || time.Since(m.weighed) < time.Second || m.occupied || m.isBusy() != "" {
		return
	}
	m.weighed = time.Now()
	writer := m.alive && m.spec().ID == c.current().Writer
	if err := m.holdBack(writer, c.spec().StorageFull); err != nil {
		c.log.Error("holding a member to its volume", "member", m.spec().Name, "error", err)
	}
	m.storage = m.measureStorage()
}

func (c *cluster) current() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.clone()
}

// record changes the state, durably, before it returns.
func (c *cluster) record(change func(*state)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := c.state.clone()
	change(&next)
	if reflect.DeepEqual(next, c.state) {
		return nil
	}
	if err := writeState(c.dir, next); err != nil {
		return err
	}
	c.state = next
	return nil
}

func (c *cluster) tell(event Event) {
	event.Cluster, event.At = c.spec().ID, time.Now()
	if c.manager.options.Event != nil {
		c.manager.options.Event(event)
	}
}

// reconfigure writes the member's configuration anew and makes its server read it.
func (c *cluster) reconfigure(m *member) {
	if err := errors.Join(c.configure(m), m.reload()); err != nil {
		c.log.Error("changing a member's settings", "member", m.spec().Name, "error", err)
	}
}
