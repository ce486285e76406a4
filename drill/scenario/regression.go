package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

// Regressions are the bugs that drills have found, each as a drill of its own with the seed that shows it. A run does them only when it
// is asked to: what they are about is what the failover drills are about, too, by accident or in less time.
func Regressions() []Scenario {
	return []Scenario{
		{
			// Found by building all servers into one zone: the group that was given that zone kept its servers in all three.
			Name: "regression/web/zone-taken", Does: "a zone is taken from the servers' group: no server stays there; it is given back, and has its share again",
			Promises: []string{"HA-03", "HA-10"}, Seed: 57, Budget: budget.ServerLost, Errors: 0.02, Whole: 4 * time.Minute,
			Needs: []string{"autoscaling:DescribeAutoScalingGroups", "autoscaling:UpdateAutoScalingGroup"}, Fault: zoneTaken,
		},
		{
			// Found by failovers: they take readers away for a moment, and the servers that missed them called themselves broken.
			Name: "regression/database/readers-away", Does: "both readers are lost at once, as a failover may do for a moment; the writer answers for them, and no server is taken out of service",
			Promises: []string{"HA-06"}, LabOnly: onlyLab, Seed: 33, Budget: budget.ReaderLost, Kinds: ledger, Errors: 0.1, Whole: 2 * time.Minute,
			Needs: []string{"elasticloadbalancing:DescribeTargetHealth"}, Fault: readersAway, Judge: looksUndisturbed,
		},
		{
			// Found by a whole run: a server that the group replaced within seconds was never missed, because hosts were counted every ten.
			Name: "regression/monitoring/replaced-at-once", Does: "a web server is terminated and replaced within seconds; the alarm is raised all the same, and every steward is told",
			Promises: []string{"OPS-03", "OPS-04"}, Seed: 7, Budget: budget.ServerLost, Errors: 0.02, Whole: 3 * time.Minute,
			Needs: serverLostNeeds, Fault: watched(tooManyTerminated), Judge: serverAlarmTold,
		},
		{
			// Found by a whole run's refresh: once the version of a release that was rolled back was deleted, the stack could not be refreshed.
			Name: "regression/plan/rolled-back-release", Does: "a release is rolled back and what it had added is deleted; refreshed, the stack is as it was declared",
			Promises: []string{"HA-10", "HA-12"}, Seed: 9, Errors: 0, Whole: time.Minute,
			Needs: releaseNeeds, Fault: badlyReleased, Judge: declaredAsBefore,
		},
	}
}

// UndoZones is the kind of undoing that gives the Auto Scaling group Target its Subnets again.
const UndoZones = "zones of a group"

// Subnets is the parameter of UndoZones: ids, separated by commas.
const Subnets = "subnets"

// movingLimit is how long a group may take to move out of a zone: it boots servers elsewhere first.
const movingLimit = 5 * time.Minute

// takenZone is a zone that is taken from the servers' group.
type takenZone struct {
	stage        Stage
	zone, subnet string
	group        string
	before       string // all its subnets
}

func zoneTaken(s Stage) fault.Fault { return &takenZone{stage: s} }

func (f *takenZone) Setup(ctx context.Context) (string, error) {
	group, err := f.stage.Group(ctx)
	if err != nil {
		return "", err
	}
	f.group, f.before = aws.ToString(group.AutoScalingGroupName), aws.ToString(group.VPCZoneIdentifier)
	if f.zone, err = f.stage.zone(); err != nil {
		return "", err
	}
	where, err := f.stage.Zone(f.zone)
	f.subnet = where.Subnets["app"]
	return f.zone, err
}

func (f *takenZone) Inject(ctx context.Context) error {
	left := slices.DeleteFunc(strings.Split(f.before, ","), func(id string) bool { return strings.TrimSpace(id) == f.subnet })
	err := f.stage.Undo.Remember(f.key(), Undoing{Kind: UndoZones, Target: f.group, Parameters: map[string]string{Subnets: f.before}})
	if err != nil {
		return err
	}
	return f.stage.SetSubnets(ctx, f.group, strings.Join(left, ","))
}

func (f *takenZone) WaitActive(ctx context.Context) error {
	err := target.Await(ctx, "the servers to leave "+f.zone, movingLimit, func(ctx context.Context) error {
		group, err := f.stage.Group(ctx)
		if err != nil {
			return err
		}
		for _, i := range group.Instances {
			if aws.ToString(i.AvailabilityZone) == f.zone {
				return fmt.Errorf("%s is %s there", aws.ToString(i.InstanceId), i.LifecycleState)
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return check.Finding{Promise: check.ErrStays, Text: err.Error()}
	}
	return err
}

func (f *takenZone) Recover(ctx context.Context) error {
	return f.stage.SetSubnets(ctx, f.group, f.before)
}

func (f *takenZone) WaitRecovered(context.Context) error { return nil } // full strength says that the zone has its share

func (f *takenZone) Cleanup(ctx context.Context) error {
	if f.before == "" {
		return nil
	}
	if err := f.stage.SetSubnets(ctx, f.group, f.before); err != nil {
		return err
	}
	return f.stage.Undo.Done(f.key())
}

func (f *takenZone) key() string { return UndoZones + " " + f.group }

// away is how long the readers are missed: longer than the balancer takes to call a server broken, shorter than an outage.
const away = 13 * time.Second

// allReaders are the losses of both readers, in which servers stay in service.
type allReaders struct {
	together
	stage Stage
}

func readersAway(s Stage) fault.Fault {
	reader := func(n int) fault.Fault {
		return breaks("crash", nil, away, func(ctx context.Context, s Stage) (string, error) {
			_, readers, err := s.Members(ctx)
			if err == nil && len(readers) != 2 {
				err = fmt.Errorf("the database has %d readers; this is about both of two", len(readers))
			}
			if err != nil {
				return "", err
			}
			slices.Sort(readers)
			return readers[n], nil
		})(s)
	}
	return &allReaders{together{reader(0), reader(1)}, s}
}

// WaitActive looks at the servers for as long as the readers are missed.
func (f *allReaders) WaitActive(ctx context.Context) error {
	if err := f.together.WaitActive(ctx); err != nil {
		return err
	}
	for until := time.Now().Add(away); time.Now().Before(until); {
		states, err := f.stage.Targets(ctx)
		if err != nil {
			return err
		}
		for id, state := range states {
			if state != "healthy" {
				return check.Finding{Promise: check.ErrEjected, Text: fmt.Sprintf("%s is %s while both readers are away", id, state)}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil
}

// declaredAsBefore says that a release that never got healthy has left nothing: the servers are those from before, and the plan is empty.
func declaredAsBefore(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	found, err := sameServers(ctx, s, h)
	if err != nil {
		return nil, err
	}
	err = s.asDeclared(ctx)
	if drift := (check.Finding{}); errors.As(err, &drift) {
		return append(found, drift), nil
	}
	return found, err
}
