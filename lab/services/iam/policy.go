package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

// managed is a managed policy with its versions, the newest first.
type managed struct {
	types.Policy
	Versions []types.PolicyVersion
	Made     int // how many versions there ever were: their numbers are not used again
}

// policies are the account's own managed policies, by ARN.
var policies = cloud.NewTable[managed]("iam.policies")

const (
	maxVersions = 5
	amazonsOwn  = "arn:aws:iam::aws:policy/"
)

// document returns the default version's text.
func (m *managed) document() string {
	for _, version := range m.Versions {
		if version.IsDefaultVersion {
			return aws.ToString(version.Document)
		}
	}
	return ""
}

// findPolicy returns the account's or Amazon's policy.
func findPolicy(tx *cloud.Tx, name string) (*managed, error) {
	if strings.HasPrefix(name, amazonsOwn) {
		if known := amazonPolicies()[name]; known != nil {
			return known, nil
		}
		return nil, cloud.Errorf("NoSuchEntity", "Policy %s does not exist or is not attachable: of Amazon's own policies the lab has %s.",
			name, strings.Join(amazonPolicyNames(), ", "))
	}
	row, err := policies.Get(tx, cloud.Global, name)
	if err == nil && row == nil {
		err = cloud.Errorf("NoSuchEntity", "Policy %s was not found.", name)
	}
	return row, err
}

func (s *Service) viewPolicy(policyARN *string, look func(tx *cloud.Tx, p *managed) error) error {
	return s.store.View(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, aws.ToString(policyARN))
		if err != nil {
			return err
		}
		return look(tx, p)
	})
}

func (s *Service) changePolicy(policyARN *string, apply func(tx *cloud.Tx, p *managed) error) error {
	if strings.HasPrefix(aws.ToString(policyARN), amazonsOwn) {
		return cloud.Errorf("InvalidInput", "ARN %s is not valid: Amazon's own policies cannot be changed.", aws.ToString(policyARN))
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, aws.ToString(policyARN))
		if err != nil {
			return err
		}
		if err := apply(tx, p); err != nil {
			return err
		}
		return policies.Put(tx, cloud.Global, *p.Arn, p)
	})
}

// described returns the policy as answers have it, with the number of entities that it is attached to.
func (m *managed) described(tx *cloud.Tx) (*types.Policy, error) {
	described := m.Policy
	holders, err := holdersOf(tx, *m.Arn)
	described.AttachmentCount = aws.Int32(int32(len(holders.roles) + len(holders.users) + len(holders.groups)))
	described.PermissionsBoundaryUsageCount = aws.Int32(0)
	return &described, err
}

// holders are the entities that a policy is attached to.
type holders struct {
	roles  []*role
	users  []*user
	groups []*group
}

func holdersOf(tx *cloud.Tx, policyARN string) (holders, error) {
	var h holders
	var err error
	lacks := func(h *holder) bool { return !slices.Contains(h.Attached, policyARN) }
	if h.roles, err = roles.List(tx, cloud.Global); err != nil {
		return h, err
	}
	h.roles = slices.DeleteFunc(h.roles, func(r *role) bool { return lacks(&r.holder) })
	if h.users, err = users.List(tx, cloud.Global); err != nil {
		return h, err
	}
	h.users = slices.DeleteFunc(h.users, func(u *user) bool { return lacks(&u.holder) })
	h.groups, err = groups.List(tx, cloud.Global)
	h.groups = slices.DeleteFunc(h.groups, func(g *group) bool { return lacks(&g.holder) })
	return h, err
}

// CreatePolicy makes a managed policy.
func (s *Service) CreatePolicy(_ context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	path, err := pathOr(in.Path)
	if err != nil {
		return nil, err
	}
	if _, err := parse(in.PolicyDocument, false); err != nil {
		return nil, err
	}
	made := &managed{Policy: types.Policy{
		Arn: arn("policy", path, *in.PolicyName), PolicyId: aws.String(newID("ANPA")), PolicyName: in.PolicyName, Path: aws.String(path),
		Description: in.Description, IsAttachable: true, CreateDate: s.today(),
	}}
	if made.Tags, err = withTags(nil, in.Tags); err != nil {
		return nil, err
	}
	made.add(*in.PolicyDocument, true, s)
	out := &iam.CreatePolicyOutput{}
	err = s.store.Update(func(tx *cloud.Tx) error {
		if err := createIn(tx, policies, "A policy", *made.Arn, made); err != nil {
			return err
		}
		out.Policy, err = made.described(tx)
		return err
	})
	return out, err
}

// add puts a version in front.
func (m *managed) add(document string, asDefault bool, s *Service) types.PolicyVersion {
	m.Made++
	version := types.PolicyVersion{
		VersionId: aws.String(fmt.Sprintf("v%d", m.Made)), Document: &document, CreateDate: s.today(), IsDefaultVersion: asDefault,
	}
	m.Versions = slices.Insert(m.Versions, 0, version)
	m.UpdateDate = version.CreateDate
	if asDefault {
		m.setDefault(*version.VersionId)
	}
	return version
}

func (m *managed) setDefault(id string) {
	m.DefaultVersionId = &id
	for i := range m.Versions {
		m.Versions[i].IsDefaultVersion = *m.Versions[i].VersionId == id
	}
}

// GetPolicy returns a policy.
func (s *Service) GetPolicy(_ context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	out := &iam.GetPolicyOutput{}
	err := s.viewPolicy(in.PolicyArn, func(tx *cloud.Tx, p *managed) (err error) {
		out.Policy, err = p.described(tx)
		return err
	})
	return out, err
}

// DeletePolicy removes a policy that is attached to nothing and has one version left.
func (s *Service) DeletePolicy(_ context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	if strings.HasPrefix(*in.PolicyArn, amazonsOwn) {
		return nil, cloud.Errorf("InvalidInput", "ARN %s is not valid: Amazon's own policies cannot be deleted.", *in.PolicyArn)
	}
	return &iam.DeletePolicyOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		p, err := findPolicy(tx, *in.PolicyArn)
		if err != nil {
			return err
		}
		described, err := p.described(tx)
		switch {
		case err != nil:
			return err
		case *described.AttachmentCount > 0:
			return cloud.Errorf("DeleteConflict", "Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return cloud.Errorf("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's "+
				"versions. The default version is deleted with the policy.")
		}
		return policies.Delete(tx, cloud.Global, *in.PolicyArn)
	})
}

// ListPolicies lists the account's policies and Amazon's.
func (s *Service) ListPolicies(_ context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	if in.PolicyUsageFilter == types.PolicyUsageTypePermissionsBoundary {
		return nil, cloud.Unsupportedf("ValidationError", "listing the policies that are used as boundaries")
	}
	out := &iam.ListPoliciesOutput{}
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := policiesOf(tx, in.Scope)
		if err != nil {
			return err
		}
		all = under(all, in.PathPrefix, func(p *managed) *string { return p.Path })
		var kept []types.Policy
		for _, p := range all {
			described, err := p.described(tx)
			if err != nil {
				return err
			}
			described.Tags, described.Description = nil, nil // which only GetPolicy tells
			if !in.OnlyAttached || *described.AttachmentCount > 0 {
				kept = append(kept, *described)
			}
		}
		listed, err := page(kept, func(p types.Policy) string { return *p.Arn }, in.Marker, in.MaxItems)
		out.Policies, out.Marker, out.IsTruncated = listed.rows, listed.marker, listed.more
		return err
	})
	return out, err
}

// policiesOf returns policies in the order of their ARNs.
func policiesOf(tx *cloud.Tx, scope types.PolicyScopeType) ([]*managed, error) {
	var all []*managed
	var err error
	if scope != types.PolicyScopeTypeAws {
		if all, err = policies.List(tx, cloud.Global); err != nil {
			return nil, err
		}
	}
	if scope != types.PolicyScopeTypeLocal {
		for _, p := range amazonPolicies() {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *managed) int { return strings.Compare(*a.Arn, *b.Arn) })
	return all, nil
}

// ListEntitiesForPolicy lists what a policy is attached to.
func (s *Service) ListEntitiesForPolicy(_ context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	out := &iam.ListEntitiesForPolicyOutput{}
	wanted := func(kind types.EntityType) bool { return in.EntityFilter == "" || in.EntityFilter == kind }
	err := s.viewPolicy(in.PolicyArn, func(tx *cloud.Tx, p *managed) error {
		attached, err := holdersOf(tx, *p.Arn)
		if wanted(types.EntityTypeRole) {
			for _, r := range attached.roles {
				out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleName: r.RoleName, RoleId: r.RoleId})
			}
		}
		if wanted(types.EntityTypeUser) {
			for _, u := range attached.users {
				out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserName: u.UserName, UserId: u.UserId})
			}
		}
		if wanted(types.EntityTypeGroup) {
			for _, g := range attached.groups {
				out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupName: g.GroupName, GroupId: g.GroupId})
			}
		}
		return err
	})
	return out, err
}
