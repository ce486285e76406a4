package rds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// CreateDBParameterGroup makes an instance parameter group.
func (s *Service) CreateDBParameterGroup(ctx context.Context, in *rds.CreateDBParameterGroupInput) (*rds.CreateDBParameterGroupOutput, error) {
	out := &rds.CreateDBParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instanceGroupKind.create(tx, region, aws.ToString(in.DBParameterGroupName), aws.ToString(in.DBParameterGroupFamily), aws.ToString(in.Description), in.Tags)
		if err == nil {
			out.DBParameterGroup = row.describeInstance()
		}
		return err
	})
}

func (g *parameterGroupRow) describeInstance() *types.DBParameterGroup {
	return &types.DBParameterGroup{
		DBParameterGroupName: aws.String(g.Name), DBParameterGroupFamily: aws.String(g.Family),
		Description: aws.String(g.Description), DBParameterGroupArn: aws.String(groupARN(instanceGroupKind.arn, g.Region, g.Name)),
	}
}

// ModifyDBParameterGroup sets parameters.
func (s *Service) ModifyDBParameterGroup(ctx context.Context, in *rds.ModifyDBParameterGroupInput) (*rds.ModifyDBParameterGroupOutput, error) {
	out := &rds.ModifyDBParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instanceGroupKind.modify(tx, region, aws.ToString(in.DBParameterGroupName), in.Parameters)
		if err == nil {
			out.DBParameterGroupName = aws.String(row.Name)
		}
		return err
	})
}

// ResetDBParameterGroup brings parameters back to their defaults.
func (s *Service) ResetDBParameterGroup(ctx context.Context, in *rds.ResetDBParameterGroupInput) (*rds.ResetDBParameterGroupOutput, error) {
	out := &rds.ResetDBParameterGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instanceGroupKind.reset(tx, region, aws.ToString(in.DBParameterGroupName), on(in.ResetAllParameters), in.Parameters)
		if err == nil {
			out.DBParameterGroupName = aws.String(row.Name)
		}
		return err
	})
}

// DeleteDBParameterGroup deletes a group that nothing uses.
func (s *Service) DeleteDBParameterGroup(ctx context.Context, in *rds.DeleteDBParameterGroupInput) (*rds.DeleteDBParameterGroupOutput, error) {
	return &rds.DeleteDBParameterGroupOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		return instanceGroupKind.remove(tx, region, aws.ToString(in.DBParameterGroupName), func(name string) (string, error) {
			return instanceUsing(tx, region, name)
		})
	})
}

// DescribeDBParameterGroups lists groups.
func (s *Service) DescribeDBParameterGroups(ctx context.Context, in *rds.DescribeDBParameterGroupsInput) (*rds.DescribeDBParameterGroupsOutput, error) {
	if err := refuse("DescribeDBParameterGroups", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBParameterGroupsOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := instanceGroupKind.list(tx, region, in.DBParameterGroupName)
		if err != nil {
			return err
		}
		items, next, err := page(all, func(g *parameterGroupRow) string { return g.Name }, in.Marker, in.MaxRecords)
		out.Marker = next
		for _, row := range items {
			out.DBParameterGroups = append(out.DBParameterGroups, *row.describeInstance())
		}
		return err
	})
}

// DescribeDBParameters lists a group's parameters.
func (s *Service) DescribeDBParameters(ctx context.Context, in *rds.DescribeDBParametersInput) (*rds.DescribeDBParametersOutput, error) {
	if err := refuse("DescribeDBParameters", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBParametersOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := instanceGroupKind.parameters(tx, region, in.DBParameterGroupName, in.Source)
		if err != nil {
			return err
		}
		out.Parameters, out.Marker, err = page(all, func(p types.Parameter) string { return *p.ParameterName }, in.Marker, in.MaxRecords)
		return err
	})
}

func instanceUsing(tx *cloud.Tx, region, group string) (string, error) {
	all, err := instances.List(tx, region)
	for _, row := range all {
		if row.ParameterGroup == group {
			return row.Name, err
		}
	}
	return "", err
}
