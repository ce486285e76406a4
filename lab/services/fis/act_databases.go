package fis

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

const statusAvailable = "available"

var failoverCluster = action{
	description: "Failover a DB Cluster to one of the replicas.", targets: map[string]string{"Clusters": "aws:rds:cluster"},
	needs: func(d *deed) []need {
		return append(anywhere("rds:DescribeDBClusters"), each("rds", "FailoverDBCluster")(d)...)
	},
	begin: func(ctx context.Context, d *deed) error {
		for _, t := range d.targets {
			if d.did(t) {
				continue
			}
			if _, err := d.service.deps.Databases.FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &t.ID}); err != nil {
				return err
			}
			if err := d.note(func(r *run) { r.Done = append(r.Done, t.ID) }); err != nil {
				return err
			}
		}
		return nil
	},
	look: func(ctx context.Context, d *deed) (bool, error) {
		for _, t := range d.targets {
			out, err := d.service.deps.Databases.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &t.ID})
			if err != nil || aws.ToString(out.DBClusters[0].Status) != statusAvailable {
				return false, err
			}
		}
		return true, nil
	},
}

var rebootDatabases = action{
	description: "Reboot the specified DB instances.", targets: map[string]string{"DBInstances": "aws:rds:db"},
	parameters: map[string]parameter{"forceFailover": {"Whether the reboot is conducted through a failover (not for Aurora)", false, checkBool}},
	needs: func(d *deed) []need {
		return append(anywhere("rds:DescribeDBInstances"), each("rds", "RebootDBInstance")(d)...)
	},
	begin: func(ctx context.Context, d *deed) error {
		force, _ := strconv.ParseBool(d.parameter("forceFailover", "false"))
		for _, t := range d.targets {
			if d.did(t) {
				continue
			}
			in := &rds.RebootDBInstanceInput{DBInstanceIdentifier: &t.ID}
			if force {
				in.ForceFailover = &force
			}
			if _, err := d.service.deps.Databases.RebootDBInstance(ctx, in); err != nil {
				return err
			}
			if err := d.note(func(r *run) { r.Done = append(r.Done, t.ID) }); err != nil {
				return err
			}
		}
		return nil
	},
	look: func(ctx context.Context, d *deed) (bool, error) {
		for _, t := range d.targets {
			out, err := d.service.deps.Databases.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &t.ID})
			if err != nil || aws.ToString(out.DBInstances[0].DBInstanceStatus) != statusAvailable {
				return false, err
			}
		}
		return true, nil
	},
}
