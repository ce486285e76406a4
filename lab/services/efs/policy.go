package efs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/efs"

	"haven/lab/cloud"
	"haven/lab/realm/mirror"
	"haven/lab/services/iam/policy"
)

// readPolicy reads a resource policy, as file systems have them.
func readPolicy(text string) (*policy.Document, error) {
	document, err := policy.ParseResource(text)
	if err != nil {
		return nil, cloud.Errorf("InvalidPolicyException", "The policy is not valid: %v", err)
	}
	return document, nil
}

// PutFileSystemPolicy sets the policy that decides on mounts.
func (s *Service) PutFileSystemPolicy(ctx context.Context, in *efs.PutFileSystemPolicyInput) (*efs.PutFileSystemPolicyOutput, error) {
	_ = in.BypassPolicyLockoutSafetyCheck // the operator can always change the policy
	text := aws.ToString(in.Policy)
	if _, err := readPolicy(text); err != nil {
		return nil, err
	}
	out := &efs.PutFileSystemPolicyOutput{Policy: in.Policy}
	err := s.change(ctx, in.FileSystemId, func(row *fileSystemRow) error {
		row.Policy, out.FileSystemId = text, aws.String(row.ID)
		return nil
	})
	return out, err
}

// DescribeFileSystemPolicy returns the policy.
func (s *Service) DescribeFileSystemPolicy(ctx context.Context, in *efs.DescribeFileSystemPolicyInput) (*efs.DescribeFileSystemPolicyOutput, error) {
	out := &efs.DescribeFileSystemPolicyOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findFileSystem(tx, region, aws.ToString(in.FileSystemId))
		if err == nil && row.Policy == "" {
			err = cloud.StatusErrorf(404, "PolicyNotFound", "File system '%s' has no policy.", row.ID)
		}
		if err == nil {
			out.FileSystemId, out.Policy = aws.String(row.ID), aws.String(row.Policy)
		}
		return err
	})
	return out, err
}

// DeleteFileSystemPolicy brings the default back: whoever reaches a mount target may do everything.
func (s *Service) DeleteFileSystemPolicy(ctx context.Context, in *efs.DeleteFileSystemPolicyInput) (*efs.DeleteFileSystemPolicyOutput, error) {
	return &efs.DeleteFileSystemPolicyOutput{}, s.change(ctx, in.FileSystemId, func(row *fileSystemRow) error {
		row.Policy = ""
		return nil
	})
}

// Authorize decides on a mount by the file system's policy and the client's identity:
// https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
func (s *Service) Authorize(ctx context.Context, request mirror.MountRequest) (grant mirror.Grant, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		system, err := systemAnywhere(tx, request.FileSystem)
		if err != nil {
			return err
		}
		who, err := s.identify(ctx, system.Region, request)
		if err != nil {
			return err
		}
		grant, err = s.decide(tx, system, who, request)
		return err
	})
	return grant, err
}

func systemAnywhere(tx *cloud.Tx, id string) (*fileSystemRow, error) {
	all, err := fileSystems.ListAll(tx)
	for _, row := range all {
		if row.ID == id {
			return row, nil
		}
	}
	return nil, errors.Join(err, fmt.Errorf("there is no file system %s", id))
}

// identify returns who mounts; nil is somebody who did not say.
func (s *Service) identify(ctx context.Context, region string, request mirror.MountRequest) (*cloud.Principal, error) {
	if request.Connect == "" {
		return nil, nil
	}
	if s.identities == nil {
		return nil, errors.New("access denied: the lab knows no identities here")
	}
	claim, err := mirror.ReadClaim(request.Connect)
	if err != nil {
		return nil, fmt.Errorf("access denied: %w", err)
	}
	secret, who, err := s.identities.Authenticate(ctx, claim.AccessKeyID, claim.SessionToken)
	if err != nil {
		return nil, fmt.Errorf("access denied: the credentials are not known: %w", err)
	}
	if err := mirror.Verify(ctx, request.Connect, secret, region, claim, request.FileSystem, request.AccessPoint, time.Now()); err != nil {
		return nil, fmt.Errorf("access denied: %w", err)
	}
	return &who, nil
}

func (s *Service) decide(tx *cloud.Tx, system *fileSystemRow, who *cloud.Principal, request mirror.MountRequest) (mirror.Grant, error) {
	if system.Policy == "" {
		return mirror.Grant{Write: true, Root: true}, nil
	}
	document, err := readPolicy(system.Policy)
	if err != nil {
		return mirror.Grant{}, err
	}
	allowed := func(action string) (bool, error) {
		return s.allows(tx, document, question(system, request, action), who)
	}
	mount, err := allowed("elasticfilesystem:ClientMount")
	if err != nil {
		return mirror.Grant{}, err
	}
	if !mount {
		return mirror.Grant{}, fmt.Errorf("access denied by the file system's policy: %s may not mount it (TLS: %t, access point: %q)", nameOf(who), request.Secure, request.AccessPoint)
	}
	var grant mirror.Grant
	if grant.Write, err = allowed("elasticfilesystem:ClientWrite"); err != nil {
		return mirror.Grant{}, err
	}
	grant.Root, err = allowed("elasticfilesystem:ClientRootAccess")
	return grant, err
}

func nameOf(who *cloud.Principal) string {
	if who == nil {
		return "a client without the mount option iam"
	}
	return who.ARN
}

// question is what is known of a mount:
// https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html#efs-condition-keys-for-nfs
func question(system *fileSystemRow, request mirror.MountRequest, action string) policy.Question {
	q := policy.Question{
		Action: action, Resources: []string{system.arn()},
		Context: map[string][]string{
			"aws:securetransport":                      {fmt.Sprint(request.Secure)},
			"elasticfilesystem:accessedviamounttarget": {"true"},
		},
	}
	if request.AccessPoint != "" {
		q.Context["elasticfilesystem:accesspointarn"] = []string{cloud.ARN("elasticfilesystem", system.Region, "access-point/"+request.AccessPoint)}
	}
	return q
}

// allows follows IAM's logic within one account; a client that did not say who it is has the file system's policy alone.
func (s *Service) allows(tx *cloud.Tx, document *policy.Document, q policy.Question, who *cloud.Principal) (bool, error) {
	guard := policy.Guard{Policy: document}
	if who == nil {
		return policy.Access{Guard: guard}.Decide(q).Decision == policy.Allowed, nil
	}
	verdict, err := s.identities.Decide(tx, *who, guard, q)
	return verdict.Decision == policy.Allowed, err
}
