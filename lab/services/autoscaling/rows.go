package autoscaling

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// group is one row.
type group struct {
	Name         string
	ARN          string
	Region       string
	Created      time.Time
	Min          int32
	Max          int32
	Desired      int32
	Cooldown     int32  // seconds
	Health       string // "EC2" or "ELB"
	Grace        time.Duration
	Warmup       *int32 // seconds; nil: none was set
	Template     template
	Subnets      []subnet
	Distribution types.CapacityDistributionStrategy // empty: balanced-best-effort
	Maintenance  *maintenance                       `json:",omitempty"`
	Targets      []string                           // target group ARNs
	Protected    bool                               // new instances are protected from scale-in
	Policies     []string                           // termination policies
	Tags         []tag
	Suspended    []string
	Metrics      []string
	Deleting     bool
	Members      []member
	Hooks        []hook   // lifecycle hooks
	Refresh      *refresh // the newest instance refresh
	Refreshes    []refresh
	Reason       string             // what changed the desired capacity, until the group has followed
	Alarm        *invokingAlarm     `json:",omitempty"` // the alarm that changed it
	Trouble      map[string]trouble `json:",omitempty"` // zones whose launches fail
	Cooling      *cooling           `json:",omitempty"` // the cooldown of simple scaling
}

// template names a launch template as the group was given it.
type template struct {
	ID      string
	Name    string
	Version string // a number, "$Latest" or "$Default"
}

type subnet struct{ ID, Zone string }

type tag struct {
	Key, Value string
	Propagate  bool
}

// maintenance is an instance maintenance policy: percentages of the desired capacity that replacements keep to.
type maintenance struct{ Min, Max int }

// trouble is a zone whose launches fail.
type trouble struct {
	Failures int       // in a row
	Until    time.Time // when a launch there is tried again
}

// cooling is the cooldown after a simple scaling policy was carried out.
type cooling struct {
	Seconds int32
	Until   time.Time // zero: the activity goes on, and the cooldown begins when it has ended
}

// invokingAlarm is what activities tell of the alarm that invoked a policy.
type invokingAlarm struct {
	AlarmArn        string
	AlarmName       string
	AWSAccountID    string `json:"AWSAccountId"`
	Region          string
	OldStateValue   string
	NewStateValue   string
	StateChangeTime int64 // milliseconds
}

// member is an instance of the group.
type member struct {
	ID        string
	Type      string
	Zone      string
	Subnet    string
	Template  template // with the number of the version that it was launched from
	State     types.LifecycleState
	Unhealthy string // why, as the cause of its replacement tells it; empty: healthy
	Lost      bool   // its instance ended or stopped: there is nothing to wait for
	Protected bool
	Balancing bool // it was launched over the desired capacity, to balance the zones
	Unlisted  bool // AddToLoadBalancer was suspended when it came into service
	Launched  time.Time
	InService time.Time
	Ending    time.Time // when it began to end
	Activity  string    // the activity that launches or ends it
	Actions   []action  // lifecycle actions of its present transition
}

func (m *member) alive() bool {
	return m.State == types.LifecycleStatePending || m.State == types.LifecycleStatePendingWait || m.State == types.LifecycleStateInService
}

func (m *member) ending() bool {
	return m.State == types.LifecycleStateTerminating || m.State == types.LifecycleStateTerminatingWait || m.State == types.LifecycleStateTerminatingProceed
}

// warming reports whether the member has not yet been in service for its warm-up.
func (m *member) warming(warmup time.Duration, now time.Time) bool {
	return m.State != types.LifecycleStateInService || now.Sub(m.InService) < warmup
}

func (g *group) member(id string) *member {
	i := slices.IndexFunc(g.Members, func(m member) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &g.Members[i]
}

func (g *group) suspended(process string) bool { return slices.Contains(g.Suspended, process) }

func (g *group) zones() []string {
	var zones []string
	for _, s := range g.Subnets {
		if !slices.Contains(zones, s.Zone) {
			zones = append(zones, s.Zone)
		}
	}
	slices.Sort(zones)
	return zones
}

// warmup is the group's default instance warm-up; ok is false when it has none.
func (g *group) warmup() (d time.Duration, ok bool) {
	return time.Duration(aws.ToInt32(g.Warmup)) * time.Second, g.Warmup != nil
}

type policy struct {
	Group  string
	Policy types.ScalingPolicy
	Low    *reading `json:",omitempty"` // what target tracking saw when its lower alarm last rang
}

// reading is one look at a policy's metric.
type reading struct {
	Value float64
	At    time.Time
}

var (
	groups     = cloud.NewTable[group]("autoscaling.groups")
	activities = cloud.NewTable[activity]("autoscaling.activities")
	policies   = cloud.NewTable[policy]("autoscaling.policies")
)

func (g *group) put(tx *cloud.Tx) error { return groups.Put(tx, g.Region, g.Name, g) }

func find(tx *cloud.Tx, region, name string) (*group, error) {
	found, err := groups.Get(tx, region, name)
	if err == nil && (found == nil || found.Deleting) {
		err = cloud.Errorf("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup %s not found", name)
	}
	return found, err
}
