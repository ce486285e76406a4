package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

type user struct {
	types.User
	holder
}

var users = cloud.NewTable[user]("iam.users")

// CreateUser makes a user.
func (s *Service) CreateUser(_ context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	path, err := pathOr(in.Path)
	if err != nil {
		return nil, err
	}
	made := &user{User: types.User{
		Arn: arn("user", path, *in.UserName), UserId: aws.String(newID("AIDA")), UserName: in.UserName, Path: aws.String(path),
		CreateDate: s.today(), PermissionsBoundary: boundary(in.PermissionsBoundary),
	}}
	if made.Tags, err = withTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if err := create(s, users, "User", *in.UserName, made); err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: &made.User}, nil
}

// GetUser returns a user; without a name it is the caller, who for the operator is the account's root.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	name := in.UserName
	if name == nil {
		principal := caller(ctx)
		switch {
		case principal.AccessKeyID == operatorKey:
			return &iam.GetUserOutput{User: &types.User{
				Arn: aws.String(rootARN), UserId: aws.String(cloud.Account), UserName: aws.String("root"), Path: aws.String("/"),
				CreateDate: aws.Time(accountSince),
			}}, nil
		case principal.Role != "":
			return nil, cloud.Errorf("ValidationError", "Must specify userName when calling with non-User credentials")
		}
		_, own := splitARN(principal.ARN)
		name = &own
	}
	out := &iam.GetUserOutput{}
	err := read(s, users, "user", name, func(_ *cloud.Tx, u *user) error {
		described := u.User
		out.User = &described
		return nil
	})
	return out, err
}

// ListUsers lists users by path.
func (s *Service) ListUsers(_ context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	out := &iam.ListUsersOutput{}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := users.List(tx, cloud.Global)
		if err != nil {
			return err
		}
		all = under(all, in.PathPrefix, func(u *user) *string { return u.Path })
		listed, err := page(all, func(u *user) string { return *u.UserName }, in.Marker, in.MaxItems)
		for _, u := range listed.rows {
			described := u.User
			described.Tags, described.PermissionsBoundary = nil, nil // which only GetUser tells
			out.Users = append(out.Users, described)
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return err
	})
	return out, err
}

// UpdateUser moves or renames a user.
func (s *Service) UpdateUser(_ context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return &iam.UpdateUserOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		u, err := found(tx, users, "user", in.UserName)
		if err != nil {
			return err
		}
		if in.NewPath != nil {
			if u.Path = in.NewPath; *u.Path == "" {
				u.Path = aws.String("/")
			}
		}
		if in.NewUserName != nil && *in.NewUserName != *in.UserName {
			if err := rename(tx, u, *in.NewUserName); err != nil {
				return err
			}
		}
		u.Arn = arn("user", *u.Path, *u.UserName)
		return users.Put(tx, cloud.Global, *u.UserName, u)
	})
}

func rename(tx *cloud.Tx, u *user, name string) error {
	old := *u.UserName
	u.UserName = &name
	if err := createIn(tx, users, "User", name, u); err != nil {
		return err
	}
	in, err := groupsOf(tx, old)
	if err != nil {
		return err
	}
	for _, g := range in {
		g.Users[slices.Index(g.Users, old)] = name
		slices.Sort(g.Users)
		if err := groups.Put(tx, cloud.Global, *g.GroupName, g); err != nil {
			return err
		}
	}
	if err := moveKeys(tx, old, name); err != nil {
		return err
	}
	return users.Delete(tx, cloud.Global, old)
}

// DeleteUser removes a user that is in no group and has neither policies nor access keys.
func (s *Service) DeleteUser(_ context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return &iam.DeleteUserOutput{}, remove(s, users, "user", in.UserName, func(tx *cloud.Tx, u *user) error {
		member, err := groupsOf(tx, *in.UserName)
		if err != nil {
			return err
		}
		if len(member) > 0 {
			return cloud.Errorf("DeleteConflict", "Cannot delete entity, must remove users from group first.")
		}
		owned, err := keysOf(tx, *in.UserName)
		if err != nil {
			return err
		}
		if len(owned) > 0 {
			return cloud.Errorf("DeleteConflict", "Cannot delete entity, must delete access keys first.")
		}
		return u.isEmpty()
	})
}

// ListGroupsForUser lists the groups that a user is in.
func (s *Service) ListGroupsForUser(_ context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	out := &iam.ListGroupsForUserOutput{}
	err := read(s, users, "user", in.UserName, func(tx *cloud.Tx, _ *user) error {
		member, err := groupsOf(tx, *in.UserName)
		if err != nil {
			return err
		}
		listed, err := page(member, func(g *group) string { return *g.GroupName }, in.Marker, in.MaxItems)
		for _, g := range listed.rows {
			out.Groups = append(out.Groups, g.Group)
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return err
	})
	return out, err
}

// PutUserPolicy writes a user's own policy.
func (s *Service) PutUserPolicy(_ context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return &iam.PutUserPolicyOutput{}, change(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		return u.putInline(in.PolicyName, in.PolicyDocument)
	})
}

// GetUserPolicy returns a user's own policy.
func (s *Service) GetUserPolicy(_ context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	out := &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName}
	err := read(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) (err error) {
		out.PolicyDocument, err = u.inline("user", in.PolicyName)
		return err
	})
	return out, err
}

// DeleteUserPolicy removes a user's own policy.
func (s *Service) DeleteUserPolicy(_ context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return &iam.DeleteUserPolicyOutput{}, change(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		return u.deleteInline("user", in.PolicyName)
	})
}

// ListUserPolicies lists the names of a user's own policies.
func (s *Service) ListUserPolicies(_ context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	out := &iam.ListUserPoliciesOutput{}
	err := read(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		listed, err := u.inlineNames(in.Marker, in.MaxItems)
		out.PolicyNames, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// AttachUserPolicy attaches a managed policy.
func (s *Service) AttachUserPolicy(_ context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return &iam.AttachUserPolicyOutput{}, change(s, users, "user", in.UserName, func(tx *cloud.Tx, u *user) error {
		return u.attach(tx, in.PolicyArn)
	})
}

// DetachUserPolicy detaches a managed policy.
func (s *Service) DetachUserPolicy(_ context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return &iam.DetachUserPolicyOutput{}, change(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		return u.detach(in.PolicyArn)
	})
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *Service) ListAttachedUserPolicies(_ context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	out := &iam.ListAttachedUserPoliciesOutput{}
	err := read(s, users, "user", in.UserName, func(_ *cloud.Tx, u *user) error {
		listed, err := u.attached(in.PathPrefix, in.Marker, in.MaxItems)
		out.AttachedPolicies, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}
