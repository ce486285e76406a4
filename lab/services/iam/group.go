package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

type group struct {
	types.Group
	holder
	Users []string // names, sorted
}

var groups = cloud.NewTable[group]("iam.groups")

func groupsOf(tx *cloud.Tx, userName string) ([]*group, error) {
	all, err := groups.List(tx, cloud.Global)
	return slices.DeleteFunc(all, func(g *group) bool { return !slices.Contains(g.Users, userName) }), err
}

// CreateGroup makes a group.
func (s *Service) CreateGroup(_ context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	path, err := pathOr(in.Path)
	if err != nil {
		return nil, err
	}
	made := &group{Group: types.Group{
		Arn: arn("group", path, *in.GroupName), GroupId: aws.String(newID("AGPA")), GroupName: in.GroupName, Path: aws.String(path),
		CreateDate: s.today(),
	}}
	if err := create(s, groups, "Group", *in.GroupName, made); err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: &made.Group}, nil
}

// GetGroup returns a group with its users.
func (s *Service) GetGroup(_ context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	out := &iam.GetGroupOutput{}
	err := read(s, groups, "group", in.GroupName, func(tx *cloud.Tx, g *group) error {
		described := g.Group
		out.Group = &described
		listed, err := page(g.Users, func(name string) string { return name }, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		for _, name := range listed.rows {
			u, err := found(tx, users, "user", &name)
			if err != nil {
				return err
			}
			out.Users = append(out.Users, u.User)
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return nil
	})
	return out, err
}

// ListGroups lists groups by path.
func (s *Service) ListGroups(_ context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	out := &iam.ListGroupsOutput{}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := groups.List(tx, cloud.Global)
		if err != nil {
			return err
		}
		all = under(all, in.PathPrefix, func(g *group) *string { return g.Path })
		listed, err := page(all, func(g *group) string { return *g.GroupName }, in.Marker, in.MaxItems)
		for _, g := range listed.rows {
			out.Groups = append(out.Groups, g.Group)
		}
		out.Marker, out.IsTruncated = listed.marker, listed.more
		return err
	})
	return out, err
}

// UpdateGroup moves or renames a group.
func (s *Service) UpdateGroup(_ context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return &iam.UpdateGroupOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		g, err := found(tx, groups, "group", in.GroupName)
		if err != nil {
			return err
		}
		if in.NewPath != nil {
			if g.Path = in.NewPath; *g.Path == "" {
				g.Path = aws.String("/")
			}
		}
		if in.NewGroupName != nil && *in.NewGroupName != *in.GroupName {
			g.GroupName = in.NewGroupName
			if err := createIn(tx, groups, "Group", *g.GroupName, g); err != nil {
				return err
			}
			if err := groups.Delete(tx, cloud.Global, *in.GroupName); err != nil {
				return err
			}
		}
		g.Arn = arn("group", *g.Path, *g.GroupName)
		return groups.Put(tx, cloud.Global, *g.GroupName, g)
	})
}

// DeleteGroup removes a group that has neither users nor policies.
func (s *Service) DeleteGroup(_ context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return &iam.DeleteGroupOutput{}, remove(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		if len(g.Users) > 0 {
			return cloud.Errorf("DeleteConflict", "Cannot delete entity, must remove users from group first.")
		}
		return g.isEmpty()
	})
}

// AddUserToGroup puts a user into a group; one that is in it stays.
func (s *Service) AddUserToGroup(_ context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return &iam.AddUserToGroupOutput{}, change(s, groups, "group", in.GroupName, func(tx *cloud.Tx, g *group) error {
		if _, err := found(tx, users, "user", in.UserName); err != nil {
			return err
		}
		if at, member := slices.BinarySearch(g.Users, *in.UserName); !member {
			g.Users = slices.Insert(g.Users, at, *in.UserName)
		}
		return nil
	})
}

// RemoveUserFromGroup takes a user out of a group.
func (s *Service) RemoveUserFromGroup(_ context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return &iam.RemoveUserFromGroupOutput{}, change(s, groups, "group", in.GroupName, func(tx *cloud.Tx, g *group) error {
		if _, err := found(tx, users, "user", in.UserName); err != nil {
			return err
		}
		g.Users = slices.DeleteFunc(g.Users, func(name string) bool { return name == *in.UserName })
		return nil
	})
}

// PutGroupPolicy writes a group's own policy.
func (s *Service) PutGroupPolicy(_ context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return &iam.PutGroupPolicyOutput{}, change(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		return g.putInline(in.PolicyName, in.PolicyDocument)
	})
}

// GetGroupPolicy returns a group's own policy.
func (s *Service) GetGroupPolicy(_ context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	out := &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName}
	err := read(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) (err error) {
		out.PolicyDocument, err = g.inline("group", in.PolicyName)
		return err
	})
	return out, err
}

// DeleteGroupPolicy removes a group's own policy.
func (s *Service) DeleteGroupPolicy(_ context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return &iam.DeleteGroupPolicyOutput{}, change(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		return g.deleteInline("group", in.PolicyName)
	})
}

// ListGroupPolicies lists the names of a group's own policies.
func (s *Service) ListGroupPolicies(_ context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	out := &iam.ListGroupPoliciesOutput{}
	err := read(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		listed, err := g.inlineNames(in.Marker, in.MaxItems)
		out.PolicyNames, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// AttachGroupPolicy attaches a managed policy.
func (s *Service) AttachGroupPolicy(_ context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return &iam.AttachGroupPolicyOutput{}, change(s, groups, "group", in.GroupName, func(tx *cloud.Tx, g *group) error {
		return g.attach(tx, in.PolicyArn)
	})
}

// DetachGroupPolicy detaches a managed policy.
func (s *Service) DetachGroupPolicy(_ context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return &iam.DetachGroupPolicyOutput{}, change(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		return g.detach(in.PolicyArn)
	})
}

// ListAttachedGroupPolicies lists the managed policies of a group.
func (s *Service) ListAttachedGroupPolicies(_ context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	out := &iam.ListAttachedGroupPoliciesOutput{}
	err := read(s, groups, "group", in.GroupName, func(_ *cloud.Tx, g *group) error {
		listed, err := g.attached(in.PathPrefix, in.Marker, in.MaxItems)
		out.AttachedPolicies, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}
