package efs

import (
	"context"
	"encoding/json"
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
	document := new(policy.Document)
	if err := json.Unmarshal([]byte(text), document); err != nil {
		return nil, cloud.Errorf("InvalidPolicyException", "The policy is not valid JSON or not a policy: %v", err)
	}
	if len(document.Statement) == 0 {
		return nil, cloud.Errorf("InvalidPolicyException", "The policy has no statement.")
	}
	for i, s := range document.Statement {
		if s.Effect != policy.Allow && s.Effect != policy.Deny || s.Principal == nil && s.NotPrincipal == nil || s.Action == nil && s.NotAction == nil {
			return nil, cloud.Errorf("InvalidPolicyException", "Statement %d of the policy needs Effect, Principal and Action.", i+1)
		}
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
		return s.allows(tx, document, question(system, who, request, action), who)
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
func question(system *fileSystemRow, who *cloud.Principal, request mirror.MountRequest, action string) policy.Question {
	q := policy.Question{
		Action: action, Resources: []string{system.arn()}, Principals: map[string][]string{"AWS": {"anonymous"}},
		Context: map[string][]string{
			"aws:securetransport":                      {fmt.Sprint(request.Secure)},
			"elasticfilesystem:accessedviamounttarget": {"true"},
		},
	}
	if request.AccessPoint != "" {
		q.Context["elasticfilesystem:accesspointarn"] = []string{cloud.ARN("elasticfilesystem", system.Region, "access-point/"+request.AccessPoint)}
	}
	if who != nil {
		q.Principals["AWS"] = principalNames(who)
		q.Context["aws:principalarn"] = []string{who.ARN}
	}
	return q
}

// principalNames are what a policy can name the caller by, besides its account.
func principalNames(who *cloud.Principal) []string {
	names := []string{who.ARN}
	if who.Role != "" {
		names = append(names, cloud.ARN("iam", "", "role/"+who.Role))
	}
	return names
}

// allows follows IAM's logic within one account: a denial anywhere wins; otherwise it is enough that the identity's
// policies allow it, or that the resource's name the caller. Naming the account leaves it to the identity's policies.
func (s *Service) allows(tx *cloud.Tx, document *policy.Document, q policy.Question, who *cloud.Principal) (bool, error) {
	ofAccount := q
	if who != nil {
		account := []string{cloud.ARN("iam", "", "root"), cloud.Account}
		ofAccount.Principals = map[string][]string{"AWS": append(account, q.Principals["AWS"]...)}
	}
	if policy.Evaluate([]*policy.Document{document}, ofAccount) == policy.Denied {
		return false, nil
	}
	if policy.Evaluate([]*policy.Document{document}, q) == policy.Allowed {
		return true, nil
	}
	if who == nil || who.Role == "" {
		return who != nil, nil // the operator may do everything
	}
	return s.identities.Allowed(tx, who.Role, q.Action, q.Resources, q.Context)
}
