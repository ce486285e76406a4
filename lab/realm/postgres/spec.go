package postgres

import (
	"net/netip"
	"time"

	"haven/lab/realm/host"
)

// ClusterSpec declares one cluster. A cluster that is no longer declared is stopped and its data is deleted.
type ClusterSpec struct {
	ID             string // the cluster's resource id: names its folder
	Name           string // for logs
	Database       string // the initial database; empty: none
	MasterUser     string
	MasterPassword string
	Port           int
	// Credentials is a generation: what it was when the password that is set now was declared, see Observation.
	Credentials int64
	Stopped     bool // every member is stopped and kept
	// KeepLog is how far back a restore must be able to go: what of the archived log no base backup of that time needs
	// is deleted. Zero: nothing is.
	KeepLog time.Duration
	// StorageFull leaves no space on the writer's volume: a fault.
	StorageFull bool
	// Unfenced lets a writer that is lost, but not dead, go on writing beside the one that takes its place, and acknowledge without
	// waiting for a reader: a fault.
	Unfenced bool
	Failover Order
	Members  []MemberSpec // in the order of their creation: the first becomes the writer
}

// Order asks for a failover, once for each higher generation.
type Order struct {
	Generation int64
	Target     string // the member to promote; empty: the best
}

// MemberSpec declares one member. A member that is no longer declared is stopped and its data is deleted; the data of
// the last one stays as the cluster's volume.
type MemberSpec struct {
	ID        string // the DB instance's resource id: names its folder
	Name      string
	Zone      string          // a commit is in two of them before it is acknowledged
	Tier      int             // promotion tier, 0 first
	Size      int64           // the larger of a tier is promoted first
	Namespace *host.Namespace // of its network interface; nil: not there yet, so the member waits
	Address   netip.Addr
	Names     []string // host names of its certificate
	// Parameters are PostgreSQL settings as pg_settings names them, and rds.force_ssl and rds.logical_replication.
	Parameters map[string]string
	Deferred   []string // parameters whose change waits for the next start although the server could make it at once
	Restart    int64    // a higher generation than that of the last start asks for a restart
	Down       bool     // its zone or its host has lost power: it is killed and kept down
	Hung       bool     // a fault: its processes are stopped (SIGSTOP), those that are started later, too
	// ReplayPaused is a fault: while it is a reader it takes in what the writer sends and applies none of it.
	ReplayPaused bool
	Leaving      bool // it is being deleted: hand over what it has, then it goes; as if it were not declared
}

// Phase tells where a member is in its life.
type Phase string

// Phases of a member.
const (
	PhaseWaiting    Phase = "waiting"    // for its network interface, or for a writer to copy
	PhaseBuilding   Phase = "building"   // initdb, base backup, rewind
	PhaseStarting   Phase = "starting"   // started, does not accept yet, or could not take over yet
	PhaseAvailable  Phase = "available"  // accepts connections in its role
	PhaseRestarting Phase = "restarting" // on request
	PhaseDown       Phase = "down"       // dead, hung or held down
	PhaseStopped    Phase = "stopped"    // on request
	PhaseLeaving    Phase = "leaving"    // no longer declared, not yet gone
)

// Observation is what is known of a cluster.
type Observation struct {
	ID           string
	Observed     bool   // it has been looked at since it was taken on
	Writer       string // the member that accepts writes now; empty: none
	FailoverDone int64  // generation of the last failover order carried out
	FailingOver  bool
	Unfenced     bool     // as declared
	Synchronous  []string // readers of which one has every acknowledged commit
	// CredentialsDone is the generation of the password that servers ask for now.
	CredentialsDone int64
	Restorable      time.Time // since when the archived log can be restored from; zero: not yet
	Members         []MemberObservation
}

// MemberObservation is what is known of a member.
type MemberObservation struct {
	ID             string
	Phase          Phase
	Reason         string // why it is not available
	Writer         bool
	Streaming      bool          // a reader that the writer streams to
	Lag            time.Duration // of replay behind the writer, as the writer measures it
	Paused         bool          // a reader that applies nothing of what it receives
	LSN            uint64        // written (writer) or received (reader)
	RestartDone    int64         // generation of the last start
	PendingRestart bool          // a changed setting takes effect at the next restart
	Storage        Storage
}

// Storage is the volume of a member's tables, in bytes; zero where it is not bounded.
type Storage struct{ Size, Free int64 }

// step is the free space in steps that are worth telling: nothing, below a tenth, more.
func (s Storage) step() int64 {
	switch {
	case s.Full():
		return 0
	case s.Low():
		return s.Size / 10
	}
	return s.Size
}

// Low tells whether less than a tenth is free.
func (s Storage) Low() bool { return s.Size > 0 && s.Free < s.Size/10 }

// Full tells whether hardly anything can be written any more.
func (s Storage) Full() bool { return s.Size > 0 && s.Free < fullBelow }

// Member returns the member's observation.
func (o Observation) Member(id string) (MemberObservation, bool) {
	for _, m := range o.Members {
		if m.ID == id {
			return m, true
		}
	}
	return MemberObservation{}, false
}

// Event is something that happened and that a person would want to read.
type Event struct {
	Cluster string
	Member  string // empty: the cluster as a whole
	Kind    EventKind
	Detail  string
	At      time.Time
}

// EventKind names an event.
type EventKind string

// Events.
const (
	EventFailoverStarted   EventKind = "failover-started"   // to Member; Detail is the old writer
	EventFailoverCompleted EventKind = "failover-completed" // Member is the new writer
	EventRestarted         EventKind = "restarted"
	EventCrashed           EventKind = "crashed"
	EventRejoined          EventKind = "rejoined"
	EventRebuilt           EventKind = "rebuilt" // as EventRejoined, by a copy of the writer's data
	EventCreated           EventKind = "created"
	EventLostTouch         EventKind = "lost-touch" // its network is dead; Detail tells how that was seen
	EventRecovered         EventKind = "recovered"  // it serves again after a crash
	EventBackup            EventKind = "backup"     // a base backup of the cluster was made
)
