package machine

import (
	"context"
	"net/netip"
	"time"

	"haven/lab/realm/host"
)

// Spec declares one machine: an EC2 instance as its hypervisor knows it.
type Spec struct {
	ID        string // the instance's id
	AccountID string
	Region    string
	Zone      string
	ZoneID    string // such as "use1-az1"
	Type      string // such as "t3.small"
	ImageID   string
	Hostname  string // the private DNS name
	// ReservationID is the launch's; empty: metadata does not tell it.
	ReservationID string
	UserData      []byte // as the instance sees it: decoded
	LaunchedAt    time.Time

	Namespace *host.Namespace // of its primary interface
	Interface InterfaceFacts

	CPUs      float64 // of the instance type
	Baseline  float64 // the share of each of them that a burstable type earns all the time; 0: it is not burstable
	Unlimited bool    // it may burst without credits
	MemoryMiB int64
	DiskGiB   int // of its root volume when that is first made; 0: 8

	Metadata MetadataOptions
	Tags     map[string]string
	// Profile is the instance profile's ARN; empty: no role, and metadata has no credentials.
	Profile string
	Role    string // the role's name
	// Agent is the URL that the machine's Systems Manager agent registers at; empty: it has no agent.
	Agent string
	// Credentials returns fresh credentials of the role for the metadata service.
	Credentials func(ctx context.Context) (Credentials, error)
}

// InterfaceFacts is what metadata tells about the primary interface.
type InterfaceFacts struct {
	ID             string
	MAC            string
	Address        netip.Addr
	Public         netip.Addr
	SubnetID       string
	SubnetCIDR     netip.Prefix
	VPCID          string
	VPCCIDR        netip.Prefix
	SecurityGroups []string // names
	// SecurityGroupIDs are the same groups' ids.
	SecurityGroupIDs []string
}

// MetadataOptions are the launch template's metadata options.
type MetadataOptions struct {
	Enabled        bool
	TokensRequired bool // version 2 only
	HopLimit       int
	InstanceTags   bool
}

// Credentials are a role's temporary credentials.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time
}

// Phase is where a machine is in its life.
type Phase string

// Phases of a machine.
const (
	PhaseRunning Phase = "running" // its init runs
	PhaseStopped Phase = "stopped" // it was stopped; its disk is kept
	PhaseGone    Phase = "gone"    // unknown, deleted
	PhaseCrashed Phase = "crashed" // its init ended by itself: EC2 would show a failed status check or a stop
	PhaseOff     Phase = "off"     // it lost its power; its disk is kept
)

// Health is whether a machine's system answers, as far as its hypervisor can tell.
type Health string

// Healths of a machine.
const (
	HealthUnknown Health = ""       // not looked at since it booted
	HealthOK      Health = "ok"     // its init answers
	HealthFailed  Health = "failed" // its init does not answer: it hangs
)

// Observation is what is known of a machine.
type Observation struct {
	ID     string
	Phase  Phase
	Reason string
	// UserData tells whether the user data has finished ("", "running", "done", "failed") and its exit code.
	UserData string
	ExitCode int
	Health   Health
	Agent    Agent
}

// Agent is what is known of a machine's Systems Manager agent.
type Agent struct {
	Reached time.Time // when its service last answered it, over the machine's own network; zero: never since it booted
	Error   string    // why it does not now
}

// Online tells whether the agent's service answers it.
func (a Agent) Online() bool { return a.Error == "" && !a.Reached.IsZero() }
