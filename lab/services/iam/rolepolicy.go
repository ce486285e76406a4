package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"haven/lab/cloud"
)

// PutRolePolicy writes a role's own policy.
func (s *Service) PutRolePolicy(_ context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return &iam.PutRolePolicyOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		return r.putInline(in.PolicyName, in.PolicyDocument)
	})
}

// GetRolePolicy returns a role's own policy.
func (s *Service) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	out := &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName}
	err := read(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) (err error) {
		out.PolicyDocument, err = r.inline("role", in.PolicyName)
		return err
	})
	return out, err
}

// DeleteRolePolicy removes a role's own policy.
func (s *Service) DeleteRolePolicy(_ context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		return r.deleteInline("role", in.PolicyName)
	})
}

// ListRolePolicies lists the names of a role's own policies.
func (s *Service) ListRolePolicies(_ context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	out := &iam.ListRolePoliciesOutput{}
	err := read(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		listed, err := r.inlineNames(in.Marker, in.MaxItems)
		out.PolicyNames, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// AttachRolePolicy attaches a managed policy.
func (s *Service) AttachRolePolicy(_ context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return &iam.AttachRolePolicyOutput{}, change(s, roles, "role", in.RoleName, func(tx *cloud.Tx, r *role) error {
		return r.attach(tx, in.PolicyArn)
	})
}

// DetachRolePolicy detaches a managed policy.
func (s *Service) DetachRolePolicy(_ context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return &iam.DetachRolePolicyOutput{}, change(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		return r.detach(in.PolicyArn)
	})
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (s *Service) ListAttachedRolePolicies(_ context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	out := &iam.ListAttachedRolePoliciesOutput{}
	err := read(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		listed, err := r.attached(in.PathPrefix, in.Marker, in.MaxItems)
		out.AttachedPolicies, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}
