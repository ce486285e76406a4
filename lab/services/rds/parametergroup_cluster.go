package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// CreateDBClusterParameterGroup makes a cluster parameter group.
func (s *Service) CreateDBClusterParameterGroup(ctx context.Context, in *rds.CreateDBClusterParameterGroupInput) (*rds.CreateDBClusterParameterGroupOutput, error) {
	out := &rds.CreateDBClusterParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := clusterGroupKind.create(tx, region, aws.ToString(in.DBClusterParameterGroupName), aws.ToString(in.DBParameterGroupFamily), aws.ToString(in.Description), in.Tags)
		if err == nil {
			out.DBClusterParameterGroup = row.describeCluster()
		}
		return err
	})
}

func (g *parameterGroupRow) describeCluster() *types.DBClusterParameterGroup {
	return &types.DBClusterParameterGroup{
		DBClusterParameterGroupName: aws.String(g.Name), DBParameterGroupFamily: aws.String(g.Family),
		Description: aws.String(g.Description), DBClusterParameterGroupArn: aws.String(groupARN(clusterGroupKind.arn, g.Region, g.Name)),
	}
}

// ModifyDBClusterParameterGroup sets parameters.
func (s *Service) ModifyDBClusterParameterGroup(ctx context.Context, in *rds.ModifyDBClusterParameterGroupInput) (*rds.ModifyDBClusterParameterGroupOutput, error) {
	out := &rds.ModifyDBClusterParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := clusterGroupKind.modify(tx, region, aws.ToString(in.DBClusterParameterGroupName), in.Parameters)
		if err == nil {
			out.DBClusterParameterGroupName = aws.String(row.Name)
		}
		return err
	})
}

// ResetDBClusterParameterGroup brings parameters back to their defaults.
func (s *Service) ResetDBClusterParameterGroup(ctx context.Context, in *rds.ResetDBClusterParameterGroupInput) (*rds.ResetDBClusterParameterGroupOutput, error) {
	out := &rds.ResetDBClusterParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := clusterGroupKind.reset(tx, region, aws.ToString(in.DBClusterParameterGroupName), on(in.ResetAllParameters), in.Parameters)
		if err == nil {
			out.DBClusterParameterGroupName = aws.String(row.Name)
		}
		return err
	})
}

// DeleteDBClusterParameterGroup deletes a group that nothing uses.
func (s *Service) DeleteDBClusterParameterGroup(ctx context.Context, in *rds.DeleteDBClusterParameterGroupInput) (*rds.DeleteDBClusterParameterGroupOutput, error) {
	return &rds.DeleteDBClusterParameterGroupOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		return clusterGroupKind.remove(tx, region, aws.ToString(in.DBClusterParameterGroupName), func(name string) (string, error) {
			return clusterUsing(tx, region, name)
		})
	})
}

// DescribeDBClusterParameterGroups lists groups.
func (s *Service) DescribeDBClusterParameterGroups(ctx context.Context, in *rds.DescribeDBClusterParameterGroupsInput) (*rds.DescribeDBClusterParameterGroupsOutput, error) {
	if err := refuse("DescribeDBClusterParameterGroups", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterParameterGroupsOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := clusterGroupKind.list(tx, region, in.DBClusterParameterGroupName)
		if err != nil {
			return err
		}
		items, next, err := page(all, func(g *parameterGroupRow) string { return g.Name }, in.Marker, in.MaxRecords)
		out.Marker = next
		for _, row := range items {
			out.DBClusterParameterGroups = append(out.DBClusterParameterGroups, *row.describeCluster())
		}
		return err
	})
}

// DescribeDBClusterParameters lists a group's parameters.
func (s *Service) DescribeDBClusterParameters(ctx context.Context, in *rds.DescribeDBClusterParametersInput) (*rds.DescribeDBClusterParametersOutput, error) {
	if err := refuse("DescribeDBClusterParameters", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterParametersOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := clusterGroupKind.parameters(tx, region, in.DBClusterParameterGroupName, in.Source)
		if err != nil {
			return err
		}
		out.Parameters, out.Marker, err = page(all, func(p types.Parameter) string { return *p.ParameterName }, in.Marker, in.MaxRecords)
		return err
	})
}

func clusterUsing(tx *cloud.Tx, region, group string) (string, error) {
	all, err := clusters.List(tx, region)
	for _, row := range all {
		if row.ParameterGroup == group {
			return row.Name, err
		}
	}
	return "", err
}
