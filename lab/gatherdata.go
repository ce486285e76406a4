package lab

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"haven/lab/cloud"
	"haven/lab/overview"
	"haven/lab/realm/mirror"
	"haven/lab/realm/postgres"
	cwservice "haven/lab/services/cloudwatch"
)

func (v *viewer) gatherDatabases(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.databases
	clusters, err := s.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
	if err != nil {
		return err
	}
	instances, err := s.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{})
	if err != nil {
		return err
	}
	f.Clusters, f.Databases, f.Members = clusters.DBClusters, instances.DBInstances, map[string]overview.DatabaseMember{}
	seen := map[string]postgres.MemberObservation{}
	synchronous := map[string]bool{}
	if v.lab.realm != nil {
		for _, cluster := range v.lab.realm.databases.Observe() {
			for _, member := range cluster.Members {
				seen[member.ID] = member
			}
			for _, id := range cluster.Synchronous {
				synchronous[id] = true
			}
		}
	}
	var interfaces map[string]string
	err = v.lab.store.View(func(tx *cloud.Tx) (err error) {
		interfaces, err = s.Interfaces(tx, f.Region)
		return err
	})
	for _, instance := range f.Databases {
		name, id := aws.ToString(instance.DBInstanceIdentifier), aws.ToString(instance.DbiResourceId)
		f.Members[name] = overview.DatabaseMember{
			Interface: interfaces[name], Phase: string(seen[id].Phase), Reason: seen[id].Reason, Streaming: seen[id].Streaming,
			Synchronous: synchronous[id], Lag: seen[id].Lag,
		}
	}
	return err
}

func (v *viewer) gatherFiles(ctx context.Context, f *overview.Facts) error {
	s := v.lab.services.files
	systems, err := s.DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{})
	if err != nil {
		return err
	}
	seen := map[string]mirror.Observation{}
	if v.lab.realm != nil && len(systems.FileSystems) > 0 {
		for _, o := range v.lab.realm.mirrors.Observe() {
			seen[o.ID] = o
		}
	}
	f.FileSystems, f.Disks = systems.FileSystems, map[string]overview.Disks{}
	for _, system := range systems.FileSystems {
		mounts, err := s.DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: system.FileSystemId})
		if cloud.HasCode(err, "FileSystemNotFound") {
			continue
		}
		if err != nil {
			return err
		}
		f.Mounts = append(f.Mounts, mounts.MountTargets...)
		if o, ok := seen[aws.ToString(system.FileSystemId)]; ok {
			f.Disks[o.ID] = disks(o)
		}
	}
	return nil
}

func disks(o mirror.Observation) overview.Disks {
	d := overview.Disks{Ready: o.Ready, Reason: o.Reason, Used: o.Used, Copies: map[string]string{}, Serving: map[string]bool{}, Clients: map[string]int{}}
	for zone, state := range o.Devices {
		d.Copies[zone] = string(state)
	}
	for _, target := range o.Targets {
		d.Serving[target.ID], d.Clients[target.ID] = target.Serving, target.Mounts
	}
	return d
}

func (v *viewer) gatherAlarms(ctx context.Context, f *overview.Facts) (err error) {
	if f.Faults, err = v.lab.inForce(f.Region); err != nil {
		return err
	}
	pages := cloudwatch.NewDescribeAlarmsPaginator(alarmsHere{v.lab.services.metrics}, &cloudwatch.DescribeAlarmsInput{
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.MetricAlarms {
			f.Alarms = append(f.Alarms, overview.Alarm{
				Name: aws.ToString(a.AlarmName), State: string(a.StateValue), Reason: aws.ToString(a.StateReason),
				Since: aws.ToTime(a.StateUpdatedTimestamp), About: aws.ToString(a.MetricName),
			})
		}
		for _, a := range page.CompositeAlarms {
			f.Alarms = append(f.Alarms, overview.Alarm{
				Name: aws.ToString(a.AlarmName), State: string(a.StateValue), Reason: aws.ToString(a.StateReason),
				Since: aws.ToTime(a.StateUpdatedTimestamp), About: aws.ToString(a.AlarmRule),
			})
		}
	}
	return nil
}

// alarmsHere lets the SDK's own paginator ask the service itself.
type alarmsHere struct{ service *cwservice.Service }

// DescribeAlarms asks the service.
func (a alarmsHere) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	return a.service.DescribeAlarms(ctx, in)
}
