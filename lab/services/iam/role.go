package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

type role struct {
	types.Role
	holder
}

var roles = cloud.NewTable[role]("iam.roles")

// described returns the role as IAM's answers have it.
func (r *role) described() *types.Role {
	described := r.Role
	described.AssumeRolePolicyDocument = encoded(aws.ToString(r.AssumeRolePolicyDocument))
	described.RoleLastUsed = &types.RoleLastUsed{}
	return &described
}

// CreateRole makes a role.
func (s *Service) CreateRole(_ context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	path, err := pathOr(in.Path)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, servicePath) {
		return nil, cloud.Errorf("InvalidInput", "Creating roles under %s is reserved for services; use CreateServiceLinkedRole.", servicePath)
	}
	made, err := s.newRole(path, *in.RoleName, in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	made.Description = in.Description
	if in.MaxSessionDuration != nil {
		made.MaxSessionDuration = in.MaxSessionDuration
	}
	if made.Tags, err = withTags(nil, in.Tags); err != nil {
		return nil, err
	}
	made.PermissionsBoundary = boundary(in.PermissionsBoundary)
	if err := create(s, roles, "Role", *in.RoleName, made); err != nil {
		return nil, err
	}
	return &iam.CreateRoleOutput{Role: made.described()}, nil
}

func (s *Service) newRole(path, name string, trust *string) (*role, error) {
	if _, err := parse(trust, true); err != nil {
		return nil, err
	}
	return &role{Role: types.Role{
		Arn: arn("role", path, name), RoleId: aws.String(newID("AROA")), RoleName: aws.String(name), Path: aws.String(path),
		CreateDate: s.today(), AssumeRolePolicyDocument: trust, MaxSessionDuration: aws.Int32(3600),
	}}, nil
}

func boundary(policyARN *string) *types.AttachedPermissionsBoundary {
	if policyARN == nil {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: policyARN, PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// GetRole returns a role.
func (s *Service) GetRole(_ context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	out := &iam.GetRoleOutput{}
	err := read(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		out.Role = r.described()
		return nil
	})
	return out, err
}

// ListRoles lists roles by path.
func (s *Service) ListRoles(_ context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	out := &iam.ListRolesOutput{}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := roles.List(tx, cloud.Global)
		if err != nil {
			return err
		}
		all = under(all, in.PathPrefix, func(r *role) *string { return r.Path })
		listed, err := page(all, func(r *role) string { return *r.RoleName }, in.Marker, in.MaxItems)
		for _, r := range listed.rows {
			described := r.described()
			described.Tags, described.RoleLastUsed, described.PermissionsBoundary = nil, nil, nil // which only GetRole tells
			out.Roles = append(out.Roles, *described)
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return err
	})
	return out, err
}

// UpdateRole changes a role's description and the longest session.
func (s *Service) UpdateRole(_ context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return &iam.UpdateRoleOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		if in.Description != nil {
			r.Description = in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSessionDuration = in.MaxSessionDuration
		}
		return nil
	})
}

// UpdateRoleDescription changes a role's description.
func (s *Service) UpdateRoleDescription(_ context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	out := &iam.UpdateRoleDescriptionOutput{}
	return out, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		r.Description = in.Description
		out.Role = r.described()
		return nil
	})
}

// UpdateAssumeRolePolicy changes who may assume a role.
func (s *Service) UpdateAssumeRolePolicy(_ context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	if _, err := parse(in.PolicyDocument, true); err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		r.AssumeRolePolicyDocument = in.PolicyDocument
		return nil
	})
}

// PutRolePermissionsBoundary keeps a boundary; it limits what the role's policies allow.
func (s *Service) PutRolePermissionsBoundary(_ context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return &iam.PutRolePermissionsBoundaryOutput{}, change(s, roles, "role", in.RoleName, func(tx *cloud.Tx, r *role) error {
		r.PermissionsBoundary = boundary(in.PermissionsBoundary)
		_, err := findPolicy(tx, aws.ToString(in.PermissionsBoundary))
		return err
	})
}

// DeleteRolePermissionsBoundary removes a boundary.
func (s *Service) DeleteRolePermissionsBoundary(_ context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return &iam.DeleteRolePermissionsBoundaryOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		r.PermissionsBoundary = nil
		return nil
	})
}

// DeleteRole removes a role that has no policies and is in no instance profile.
func (s *Service) DeleteRole(_ context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, remove(s, roles, "role", in.RoleName, func(tx *cloud.Tx, r *role) error {
		if strings.HasPrefix(*r.Path, servicePath) {
			return cloud.Errorf("UnmodifiableEntity", "Cannot delete a service-linked role directly; use DeleteServiceLinkedRole.")
		}
		holding, err := profilesOf(tx, *in.RoleName)
		if err != nil {
			return err
		}
		if len(holding) > 0 {
			return cloud.Errorf("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
		}
		return r.isEmpty()
	})
}

// profilesOf returns the instance profiles that hold a role.
func profilesOf(tx *cloud.Tx, name string) ([]*profile, error) {
	all, err := profiles.List(tx, cloud.Global)
	return slices.DeleteFunc(all, func(p *profile) bool { return p.Role != name }), err
}
