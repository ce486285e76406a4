package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"haven/lab/realm/host"
)

// member is one member at run time. The cluster's goroutine owns it; what is below mu is shared with the goroutines
// of its processes and actions.
type member struct {
	cluster  *cluster
	declared atomic.Pointer[MemberSpec]
	leaving  bool
	gone     atomic.Bool // its data was deleted: the cluster drops it
	hurt     atomic.Bool // it crashed or was fenced, and does not serve yet
	log      *serverLog

	session  *pgx.Conn // of the observer
	probedAt time.Time // when a connection was last made anew
	alive    bool      // its process lived when the round began
	occupied bool      // an action on it was under way when the round began
	seen     sight
	failing  time.Time // since when it has not answered; zero: it does
	starting time.Time // since when it says that it starts up; zero: it does not
	answered bool      // it has answered since its start
	strayed  time.Time // since when it has answered without streaming
	pending  bool      // a restart is pending for a setting
	pendedAt time.Time
	kin      bool // see memberView
	joined   bool // see noteJoined
	halted   bool // its processes are stopped, as a fault
	held     bool // its replay was paused, as a fault, and not resumed yet
	touch    touch
	storage  Storage
	weighed  time.Time // when that was measured

	mu          sync.Mutex
	process     *host.Process
	busy        verb
	startedAt   time.Time
	restartDone int64
	retryAt     time.Time
	failures    int
	reason      string
	course      course
	effective   map[string]string // parameters that the server was last told
	floors      map[string]string // what a reader must not be below: see floorsOf
}

// course is what a member was last told about the others.
type course struct {
	follows    string    // a reader: the member to stream from
	catchingUp time.Time // since when that is another reader; zero: it is the writer
	readers    []string  // a writer: the readers to wait for
	setAt      time.Time // when it was told so
	barrier    uint64    // what was written when that became effective; 0: not yet
}

func (m *member) steered() course {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.course
}

func (m *member) steer(to course) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.course = to
}

// sight is what the last look at a member saw.
type sight struct {
	answers   bool
	recovery  bool
	settled   bool
	receiving bool // it takes in another one's log
	paused    bool // it has stopped replaying
	lsn       uint64
	lsnSince  time.Time
	syncNames []string
	streams   map[string]stream // by reader, as the writer sees them
}

type stream struct {
	flushed uint64
	lag     time.Duration
}

func newMember(c *cluster, spec MemberSpec) (*member, error) {
	m := &member{cluster: c}
	m.declared.Store(&spec)
	if err := os.MkdirAll(m.dir(), 0o711); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", spec.Name, err)
	}
	if err := c.manager.makeOwned(m.conf()); err != nil {
		return nil, err
	}
	var line func(string)
	if report := c.manager.options.LogLine; report != nil {
		line = func(text string) { report(c.spec().ID, spec.ID, text) }
	}
	var err error
	m.log, err = openLog(filepath.Join(m.dir(), "postgres.log"), line)
	return m, err
}

func (m *member) spec() MemberSpec { return *m.declared.Load() }

func (m *member) dir() string  { return filepath.Join(m.cluster.dir, m.spec().ID) }
func (m *member) conf() string { return filepath.Join(m.dir(), "conf") }

// sockets returns the folder of the member's socket, short because the kernel allows 107 bytes.
func (m *member) sockets() string {
	sum := sha256.Sum256([]byte(m.cluster.spec().ID + "/" + m.spec().ID))
	return filepath.Join(m.cluster.manager.options.Dir, "s", hex.EncodeToString(sum[:5]))
}

func (m *member) setProcess(p *host.Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.process, m.startedAt = p, time.Now()
}

func (m *member) clearProcess(p *host.Process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process == p {
		m.process = nil
	}
}

func (m *member) running() *host.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process
}

// crashed notes that the server ended by itself: soon after a start it will not be started again at once.
func (m *member) crashed(p *host.Process) {
	m.mu.Lock()
	early := time.Since(m.startedAt) < 5*time.Second
	m.mu.Unlock()
	m.hurt.Store(true)
	m.cluster.tell(Event{Member: m.spec().ID, Kind: EventCrashed, Detail: "its server ended"})
	if early {
		m.failed(errors.New("the server ended soon after its start; see " + filepath.Join(m.dir(), "postgres.log")))
	}
}

func (m *member) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures++
	m.reason = err.Error()
	m.retryAt = time.Now().Add(min(time.Duration(m.failures)*500*time.Millisecond, 5*time.Second))
}

func (m *member) succeeded() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures, m.reason, m.retryAt = 0, "", time.Time{}
}

func (m *member) setBusy(do verb) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy = do
}

func (m *member) close() {
	m.closeSession()
	_ = m.log.pipe.Close()
	if err := unmountVolume(m.store()); err != nil {
		m.cluster.log.Warn("leaving a member's volume", "member", m.spec().Name, "error", err)
	}
}
