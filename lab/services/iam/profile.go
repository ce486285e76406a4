package iam

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

type profile struct {
	types.InstanceProfile
	Role string // its name; a profile holds one at most
}

var profiles = cloud.NewTable[profile]("iam.instanceProfiles")

// described returns the profile with its role, as that is now.
func (p *profile) described(tx *cloud.Tx) (*types.InstanceProfile, error) {
	described := p.InstanceProfile
	if p.Role == "" {
		return &described, nil
	}
	held, err := roles.Get(tx, cloud.Global, p.Role)
	if held != nil {
		described.Roles = []types.Role{*held.described()}
	}
	return &described, err
}

// CreateInstanceProfile makes an empty profile.
func (s *Service) CreateInstanceProfile(_ context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	path, err := pathOr(in.Path)
	if err != nil {
		return nil, err
	}
	name := *in.InstanceProfileName
	made := &profile{InstanceProfile: types.InstanceProfile{
		Arn: arn("instance-profile", path, name), InstanceProfileId: aws.String(newID("AIPA")), InstanceProfileName: &name,
		Path: aws.String(path), CreateDate: s.today(),
	}}
	if made.Tags, err = withTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if err := create(s, profiles, "Instance Profile", name, made); err != nil {
		return nil, err
	}
	return &iam.CreateInstanceProfileOutput{InstanceProfile: &made.InstanceProfile}, nil
}

const kindProfile = "instance profile"

// GetInstanceProfile returns a profile.
func (s *Service) GetInstanceProfile(_ context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	out := &iam.GetInstanceProfileOutput{}
	err := read(s, profiles, kindProfile, in.InstanceProfileName, func(tx *cloud.Tx, p *profile) (err error) {
		out.InstanceProfile, err = p.described(tx)
		return err
	})
	return out, err
}

// ListInstanceProfiles lists profiles by path.
func (s *Service) ListInstanceProfiles(_ context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	out := &iam.ListInstanceProfilesOutput{}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := profiles.List(tx, cloud.Global)
		if err != nil {
			return err
		}
		all = under(all, in.PathPrefix, func(p *profile) *string { return p.Path })
		out.InstanceProfiles, out.Marker, out.IsTruncated, err = pageOfProfiles(tx, all, in.Marker, in.MaxItems)
		return err
	})
	return out, err
}

func pageOfProfiles(tx *cloud.Tx, all []*profile, marker *string, limit *int32) ([]types.InstanceProfile, *string, bool, error) {
	listed, err := page(all, func(p *profile) string { return *p.InstanceProfileName }, marker, limit)
	if err != nil {
		return nil, nil, false, err
	}
	var described []types.InstanceProfile
	for _, p := range listed.rows {
		one, err := p.described(tx)
		if err != nil {
			return nil, nil, false, err
		}
		described = append(described, *one)
	}
	return described, listed.marker, listed.more, nil
}

// ListInstanceProfilesForRole lists the profiles that hold a role.
func (s *Service) ListInstanceProfilesForRole(_ context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	out := &iam.ListInstanceProfilesForRoleOutput{}
	err := read(s, roles, "role", in.RoleName, func(tx *cloud.Tx, _ *role) error {
		all, err := profilesOf(tx, *in.RoleName)
		if err != nil {
			return err
		}
		out.InstanceProfiles, out.Marker, out.IsTruncated, err = pageOfProfiles(tx, all, in.Marker, in.MaxItems)
		return err
	})
	return out, err
}

// AddRoleToInstanceProfile puts a role into a profile that has none.
func (s *Service) AddRoleToInstanceProfile(_ context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	return &iam.AddRoleToInstanceProfileOutput{}, change(s, profiles, kindProfile, in.InstanceProfileName, func(tx *cloud.Tx, p *profile) error {
		if _, err := found(tx, roles, "role", in.RoleName); err != nil {
			return err
		}
		if p.Role != "" {
			return cloud.Errorf("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		p.Role = *in.RoleName
		return nil
	})
}

// RemoveRoleFromInstanceProfile takes a role out of a profile.
func (s *Service) RemoveRoleFromInstanceProfile(_ context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return &iam.RemoveRoleFromInstanceProfileOutput{}, change(s, profiles, kindProfile, in.InstanceProfileName, func(_ *cloud.Tx, p *profile) error {
		if p.Role != *in.RoleName {
			return missing("role", *in.RoleName)
		}
		p.Role = ""
		return nil
	})
}

// DeleteInstanceProfile removes a profile that has no role.
func (s *Service) DeleteInstanceProfile(_ context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return &iam.DeleteInstanceProfileOutput{}, remove(s, profiles, kindProfile, in.InstanceProfileName, func(_ *cloud.Tx, p *profile) error {
		if p.Role != "" {
			return cloud.Errorf("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
		}
		return nil
	})
}

// RoleOfProfile returns the role in a profile that is named by its name or ARN.
func (s *Service) RoleOfProfile(tx *cloud.Tx, nameOrARN string) (roleName, profileARN string, err error) {
	name := nameOrARN
	if strings.HasPrefix(nameOrARN, "arn:") {
		_, name = splitARN(nameOrARN)
	}
	p, err := profiles.Get(tx, cloud.Global, name)
	if err != nil {
		return "", "", err
	}
	if p == nil || name != nameOrARN && *p.Arn != nameOrARN {
		return "", "", cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile is invalid. Invalid IAM Instance Profile", nameOrARN)
	}
	return p.Role, *p.Arn, nil
}
