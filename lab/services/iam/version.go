package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

func (m *managed) version(id *string) (int, error) {
	at := slices.IndexFunc(m.Versions, func(v types.PolicyVersion) bool { return *v.VersionId == aws.ToString(id) })
	if at < 0 {
		return 0, cloud.Errorf("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", *m.Arn, aws.ToString(id))
	}
	return at, nil
}

// CreatePolicyVersion adds a version; a policy has five at most.
func (s *Service) CreatePolicyVersion(_ context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	if _, err := parse(in.PolicyDocument, false); err != nil {
		return nil, err
	}
	out := &iam.CreatePolicyVersionOutput{}
	return out, s.changePolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		if len(p.Versions) >= maxVersions {
			return cloud.Errorf("LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an "+
				"existing version.", maxVersions)
		}
		version := p.add(*in.PolicyDocument, in.SetAsDefault, s)
		version.Document = nil // the answer does not have it
		out.PolicyVersion = &version
		return nil
	})
}

// GetPolicyVersion returns a version with its document.
func (s *Service) GetPolicyVersion(_ context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	out := &iam.GetPolicyVersionOutput{}
	err := s.viewPolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		at, err := p.version(in.VersionId)
		if err != nil {
			return err
		}
		version := p.Versions[at]
		version.Document = encoded(*version.Document)
		out.PolicyVersion = &version
		return nil
	})
	return out, err
}

// ListPolicyVersions lists versions, the newest first.
func (s *Service) ListPolicyVersions(_ context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	_, _ = in.Marker, in.MaxItems // there are five at most: one page
	out := &iam.ListPolicyVersionsOutput{}
	err := s.viewPolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		for _, version := range p.Versions {
			version.Document = nil
			out.Versions = append(out.Versions, version)
		}
		return nil
	})
	return out, err
}

// SetDefaultPolicyVersion says which version counts.
func (s *Service) SetDefaultPolicyVersion(_ context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return &iam.SetDefaultPolicyVersionOutput{}, s.changePolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		if _, err := p.version(in.VersionId); err != nil {
			return err
		}
		p.setDefault(*in.VersionId)
		return nil
	})
}

// DeletePolicyVersion removes a version that is not the default.
func (s *Service) DeletePolicyVersion(_ context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return &iam.DeletePolicyVersionOutput{}, s.changePolicy(in.PolicyArn, func(_ *cloud.Tx, p *managed) error {
		at, err := p.version(in.VersionId)
		if err != nil {
			return err
		}
		if p.Versions[at].IsDefaultVersion {
			return cloud.Errorf("DeleteConflict", "Cannot delete the default version of a policy.")
		}
		p.Versions = slices.Delete(p.Versions, at, at+1)
		return nil
	})
}
