package autoscaling

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// Groups are under their names, members under their instances' ids, what belongs to a group under "<group>|<name>".
var (
	groups        = cloud.NewTable[group]("autoscaling.groups")
	members       = cloud.NewTable[member]("autoscaling.members")
	activities    = cloud.NewTable[activity]("autoscaling.activities")
	refreshes     = cloud.NewTable[refresh]("autoscaling.refreshes")
	hooks         = cloud.NewTable[types.LifecycleHook]("autoscaling.lifecycle-hooks")
	policies      = cloud.NewTable[types.ScalingPolicy]("autoscaling.policies")
	schedules     = cloud.NewTable[schedule]("autoscaling.scheduled-actions")
	notifications = cloud.NewTable[types.NotificationConfiguration]("autoscaling.notifications")
)

func tables() []string {
	return []string{groups.Name(), members.Name(), refreshes.Name(), hooks.Name(), schedules.Name()}
}

// group is one Auto Scaling group.
type group struct {
	Name, ARN          string
	Min, Max, Desired  int32
	Template           template
	Subnets            []subnet // in the order of their zones
	TargetGroups       []string
	HealthCheckType    string
	Grace              int32 // seconds
	Cooldown           int32 // seconds
	Warmup             *int32
	TerminationRules   []string // termination policies
	Protect            bool     // new instances are protected from scale-in
	CapacityRebalance  bool
	MaxLifetime        *int32
	Maintenance        *types.InstanceMaintenancePolicy
	Distribution       types.CapacityDistributionStrategy
	Context            string
	ServiceRole        string
	DeletionProtection types.DeletionProtection
	Suspended          map[string]string // process -> reason
	Metrics            []string
	Tags               map[string]tag
	Created            time.Time
	Deleting           bool
	Reason             string               // of the last change of the desired capacity, as activities tell it
	Scaled             time.Time            // of the last scaling by a simple policy, for its cooldown
	Blocked            map[string]time.Time // zones where a launch failed -> until when they are left out
	Failures           int                  // launches that failed in a row
}

type tag struct {
	Value     string
	Propagate bool
}

type subnet struct{ ID, Zone string }

// template is a launch template as the group names it: the version may be "$Latest" or "$Default".
type template struct{ ID, Name, Version string }

// member is an instance of a group.
type member struct {
	Instance  string
	Group     string
	Zone      string
	Subnet    string
	Type      string
	State     types.LifecycleState
	Unhealthy bool
	Protected bool
	Template  string // launch template id
	Version   int64
	Launched  time.Time
	InService time.Time // since when; zero: not yet
	Extra     bool      // launched over the desired capacity, to replace another before it goes
	Activity  string    // the id of the activity under way
	Wait      *wait     // a lifecycle hook that is waited for
	Hooks     []string  // hooks of the present transition that are done
	Retire    string    // why it is terminated
	Drop      bool      // it leaves the desired capacity with it
}

// wait is a lifecycle action under way.
type wait struct {
	Hook     string
	Token    string
	Until    time.Time // the heartbeat's end
	Last     time.Time // the global end
	Result   string    // given by CompleteLifecycleAction
	Interval int32     // the heartbeat timeout, in seconds
}

// activity is a scaling activity; its row's key sorts by time.
type activity struct {
	types.Activity
	Key string
}

// refresh is an instance refresh.
type refresh struct {
	ID          string
	Group       string
	Status      types.InstanceRefreshStatus
	Reason      string
	Started     time.Time
	Ended       time.Time
	Desired     *template // the desired configuration; nil: the group's own
	Preferences types.RefreshPreferences
	Total       int // instances to replace, as counted at the start
	Progressed  time.Time
	Checkpoint  time.Time // when the present checkpoint was reached; zero: none is waited at
	Passed      int       // checkpoints passed
	Baking      time.Time
	Rollback    *rollback
}

type rollback struct {
	Reason  string
	Started time.Time
	Total   int
}

// schedule is a scheduled action.
type schedule struct {
	types.ScheduledUpdateGroupAction
	Next time.Time // when it is due; zero: never again
}

func belonging(group, name string) string { return group + "|" + name }

func membersOf(tx *cloud.Tx, region, name string) ([]*member, error) {
	return pick(members, tx, region, func(m *member) bool { return m.Group == name })
}

func pick[Row any](table cloud.Table[Row], tx *cloud.Tx, region string, keep func(*Row) bool) ([]*Row, error) {
	all, err := table.List(tx, region)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(row *Row) bool { return !keep(row) }), nil
}

// dropBelonging deletes a group's rows of a table.
func dropBelonging[Row any](table cloud.Table[Row], tx *cloud.Tx, region string, keys []string, name string) error {
	for _, key := range keys {
		if strings.HasPrefix(key, name+"|") {
			if err := table.Delete(tx, region, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaving reports whether the member is on its way out and no longer counts.
func (m *member) leaving() bool {
	switch m.State {
	case types.LifecycleStateTerminating, types.LifecycleStateTerminatingWait, types.LifecycleStateTerminatingProceed, types.LifecycleStateTerminated:
		return true
	}
	return false
}

func (m *member) standby() bool {
	return m.State == types.LifecycleStateStandby || m.State == types.LifecycleStateEnteringStandby
}

// counts reports whether the member is part of the group's capacity.
func (m *member) counts() bool { return !m.leaving() && !m.standby() }

func (m *member) inService() bool { return m.State == types.LifecycleStateInService }
