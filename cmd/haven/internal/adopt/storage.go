package adopt

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

var (
	databaseCluster = byName("clusterIdentifier", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := rds.NewFromConfig(config).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: name})
		return err
	})
	databaseMember = byName("identifier", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := rds.NewFromConfig(config).DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: name})
		return err
	})
	clusterParameters = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := rds.NewFromConfig(config).DescribeDBClusterParameterGroups(ctx, &rds.DescribeDBClusterParameterGroupsInput{DBClusterParameterGroupName: name})
		return err
	})
	memberParameters = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := rds.NewFromConfig(config).DescribeDBParameterGroups(ctx, &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: name})
		return err
	})
	databaseSubnets = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
		_, err := rds.NewFromConfig(config).DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: name})
		return err
	})
)

func fileSystem(ctx context.Context, q question) (string, error) {
	out, err := efs.NewFromConfig(q.config).DescribeFileSystems(ctx, &efs.DescribeFileSystemsInput{CreationToken: aws.String(q.in.Text("creationToken"))})
	if err != nil || len(out.FileSystems) == 0 {
		return "", err
	}
	return aws.ToString(out.FileSystems[0].FileSystemId), nil
}

func mountTarget(ctx context.Context, q question) (string, error) {
	out, err := efs.NewFromConfig(q.config).DescribeMountTargets(ctx, &efs.DescribeMountTargetsInput{FileSystemId: aws.String(q.in.Text("fileSystemId"))})
	if err != nil {
		return "", err
	}
	for _, one := range out.MountTargets {
		if aws.ToString(one.SubnetId) == q.in.Text("subnetId") {
			return aws.ToString(one.MountTargetId), nil
		}
	}
	return "", nil
}

func accessPoint(ctx context.Context, q question) (string, error) {
	out, err := efs.NewFromConfig(q.config).DescribeAccessPoints(ctx, &efs.DescribeAccessPointsInput{FileSystemId: aws.String(q.in.Text("fileSystemId"))})
	if err != nil {
		return "", err
	}
	for _, one := range out.AccessPoints {
		for _, tag := range one.Tags {
			if aws.ToString(tag.Key) == "Name" && aws.ToString(tag.Value) == q.in.Name() && q.free(aws.ToString(one.AccessPointId)) {
				return *one.AccessPointId, nil
			}
		}
	}
	return "", nil
}
