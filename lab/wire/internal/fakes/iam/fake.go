// Package iam is a small service in the query protocol, for the wire's own tests.
package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

// Service knows no role.
type Service struct{ Tags []types.Tag }

// CreateRole echoes.
func (s *Service) CreateRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	s.Tags = in.Tags
	return &iam.CreateRoleOutput{Role: &types.Role{
		RoleName: in.RoleName, Path: in.Path, AssumeRolePolicyDocument: in.AssumeRolePolicyDocument, Tags: in.Tags,
		Arn: aws.String("arn:aws:iam::000000000000:role/x"), RoleId: aws.String("AROAXXXXXXXXXXXXXXXXX"),
		CreateDate: aws.Time(time.Unix(1767322400, 0)), MaxSessionDuration: in.MaxSessionDuration,
	}}, nil
}

// GetRole finds nothing.
func (s *Service) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	return nil, cloud.Errorf("NoSuchEntity", "The role with name %s cannot be found.", aws.ToString(in.RoleName))
}

// DeleteRole has no output.
func (s *Service) DeleteRole(_ context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	_ = in.RoleName
	return &iam.DeleteRoleOutput{}, nil
}
