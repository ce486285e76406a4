package scenario

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/drill/budget"
	"haven/drill/fault"
	"haven/drill/target"
)

// double are two faults at once. The design claims to survive any one zone, whatever else happens inside of it, and beside it
// anything that is over without that zone's help:
//
//   - a zone lost while the database fails over: two of three members are left, each has every acknowledged write, and either may be
//     the writer. The failover that runs may be of no use, so its time counts beside the zone's.
//   - a server and a mirror lost, in any zones: they share nothing. Servers keep nothing, and files have a copy in each other zone.
//
// It does not claim to survive two zones at once: of three members one would be left, which could not tell whether it is alone.
func double() []Scenario {
	return []Scenario{
		{
			Name: "failover/double/zone-and-database", Does: "a zone is cut off just after the database was told to fail over",
			Promises: []string{"HA-03", "HA-06"}, Hold: zoneHold, Budget: budget.ZoneDuringFailover, Errors: zoneErrors, Whole: zoneWhole,
			Needs: append([]string{"rds:FailoverDBCluster", "autoscaling:DescribeAutoScalingGroups", "elasticloadbalancing:DescribeTargetHealth"}, target.ExperimentNeeds...),
			Fault: zoneDuringFailover, Judge: otherZonesServe,
		},
		{
			Name: "failover/double/server-and-mirror", Does: "a web server is terminated while a zone's copy of the files is lost; the disk is replaced",
			Promises: []string{"HA-04", "HA-08"}, LabOnly: onlyLab, Hold: 10 * time.Second, Budget: budget.ServerLost, Errors: 0.05, Whole: zoneWhole,
			Needs: []string{"ec2:TerminateInstances"}, Fault: serverAndMirror,
		},
	}
}

func zoneDuringFailover(s Stage) fault.Fault {
	return &experiment{stage: s, choose: s.disruption, active: s.zoneOutOfService, before: func(ctx context.Context) error {
		_, err := rds.NewFromConfig(s.Config).FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &s.Outputs.Database.ClusterID})
		return err
	}}
}

func serverAndMirror(s Stage) fault.Fault {
	disk := breaks("disk", nil, 10*time.Second, func(_ context.Context, s Stage) (string, error) { return s.zone() })
	return together{disk(s), terminated(s)}
}
