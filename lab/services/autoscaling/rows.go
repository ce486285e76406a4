package autoscaling

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// group is one row.
type group struct {
	Name      string
	ARN       string
	Region    string
	Created   time.Time
	Min       int32
	Max       int32
	Desired   int32
	Cooldown  int32
	Health    string // "EC2" or "ELB"
	Grace     time.Duration
	Warmup    *int32
	Template  template
	Subnets   []subnet
	Targets   []string // target group ARNs
	Protected bool     // new instances are protected from scale-in
	Policies  []string // termination policies
	Tags      []tag
	Suspended []string
	Metrics   []string
	Deleting  bool
	Members   []member
	Hooks     []hook   // lifecycle hooks
	Refresh   *refresh // the newest instance refresh
	Refreshes []refresh
	Reason    string // why the desired capacity is what it is, for the next activities' causes
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

// member is an instance of the group.
type member struct {
	ID        string
	Type      string
	Zone      string
	Subnet    string
	Template  template // with the number of the version that it was launched from
	State     types.LifecycleState
	Unhealthy string // why; empty: healthy
	Protected bool
	Launched  time.Time
	InService time.Time
	Ending    time.Time // when it began to end
	Activity  string    // the activity that launches or ends it
	Actions   []action  // lifecycle actions of its present transition
}

func (m *member) alive() bool {
	return m.State == types.LifecycleStatePending || m.State == types.LifecycleStatePendingWait || m.State == types.LifecycleStateInService
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

// activity is one step that a group took, kept as a record of the past.
type activity struct {
	ID          string
	Group       string
	Description string
	Cause       string
	Started     time.Time
	Ended       *time.Time
	Status      types.ScalingActivityStatusCode
	Message     string
	Details     string
}

// Gone is always true: an activity is no resource.
func (*activity) Gone() bool { return true }

type policy struct {
	Group  string
	Policy types.ScalingPolicy
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
