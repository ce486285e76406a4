package ec2

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// instanceRow is one instance. Its security groups and addresses are those of its interface.
type instanceRow struct {
	meta
	Reservation      string
	Index            int32 // among those of its reservation
	Image            string
	Type             string
	Architecture     types.ArchitectureValues
	Subnet           string
	VPC              string
	Zone             string
	Interface        string // the primary one; empty once terminated
	PrivateIP        string
	State            types.InstanceStateName
	Reason           *reason `json:",omitempty"` // why it is in its state
	Transition       string  `json:",omitempty"` // StateTransitionReason
	LaunchedAt       time.Time
	TerminatedAt     time.Time
	UserData         string `json:",omitempty"` // base64, as given
	ProfileARN       string `json:",omitempty"`
	ProfileRole      string `json:",omitempty"`
	ProfileAssoc     string `json:",omitempty"`
	Metadata         metadataOptions
	Monitoring       bool
	EBSOptimized     bool
	NoTerminate      bool // DisableApiTermination
	NoStop           bool // DisableApiStop
	ShutdownBehavior types.ShutdownBehavior
	Template         templateRef
	Volumes          []instanceVolume
	Impaired         bool      // its instance status check fails
	ImpairedSince    time.Time //
	Checked          bool      // its status checks have been made since it booted
	Reboot           bool      // a reboot was asked for and not yet made
	Restarted        bool      // it is pending because it was started again, not launched
	ForceStop        bool      // its system is not asked to end
	NoRecovery       bool      // MaintenanceOptions.AutoRecovery is disabled
	Credits          string    `json:",omitempty"` // "standard" or "unlimited"; empty: its type has none
	Token            string    `json:",omitempty"` // the client token of its launch
}

type reason struct{ Code, Message string }

type templateRef struct {
	ID      string
	Version int64
}

type metadataOptions struct {
	Endpoint types.InstanceMetadataEndpointState
	IPv6     types.InstanceMetadataProtocolState
	HopLimit int32
	Tokens   types.HttpTokensState
	Tags     types.InstanceMetadataTagsState
}

type instanceVolume struct {
	Device              string
	Volume              string
	DeleteOnTermination bool
	At                  time.Time
}

// volumeRow is a volume. A root volume's size limits its instance's disk; all else is a record.
type volumeRow struct {
	meta
	Zone       string
	SizeGiB    int32
	Type       types.VolumeType
	IOPS       int32
	Throughput int32
	Encrypted  bool
	Key        string // the KMS key's ARN or id, as given
	Snapshot   string
	Instance   string // empty: not attached
	Device     string
}

// gone tells whether the instance has reached its end.
func (i *instanceRow) gone() bool { return i.State == types.InstanceStateNameTerminated }

// ending tells whether it is at its end or on the way.
func (i *instanceRow) ending() bool {
	return i.gone() || i.State == types.InstanceStateNameShuttingDown
}

// Instance returns an instance; nil when there is none.
func (s *Service) Instance(tx *cloud.Tx, region, id string) (*Instance, error) {
	row, err := instances.Get(tx, region, id)
	if err != nil || row == nil {
		return nil, err
	}
	facts := instanceFacts(row)
	if _, dark := s.dark.of(row.Zone); dark && row.State == types.InstanceStateNameRunning {
		facts.StatusImpaired = true
	}
	return facts, nil
}

func instanceFacts(row *instanceRow) *Instance {
	facts := &Instance{
		ID: row.ID, Type: row.Type, Zone: row.Zone, SubnetID: row.Subnet, VPCID: row.VPC, InterfaceID: row.Interface,
		PrivateIP: row.PrivateIP, State: row.State, LaunchedAt: row.LaunchedAt, StatusImpaired: row.Impaired,
	}
	if row.Template.ID != "" {
		facts.Template.LaunchTemplateId = aws.String(row.Template.ID)
		facts.Template.Version = aws.String(versionText(row.Template.Version))
	}
	return facts
}
