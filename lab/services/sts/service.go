// Package sts is the lab's Security Token Service: it tells callers who they are and lets them act as roles that trust
// them.
package sts

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"haven/lab/cloud"
	"haven/lab/services/iam"
)

// Roles knows roles and who they trust; the iam service is it.
type Roles interface {
	Assume(wish iam.Assumption) (iam.Assumed, error)
	UserID(principal cloud.Principal) (string, error)
}

// Service answers STS's operations.
type Service struct{ roles Roles }

// New returns the service.
func New(roles Roles) *Service { return &Service{roles: roles} }

// GetCallerIdentity tells who signed the call.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	principal := cloud.CallFrom(ctx).Principal
	id, err := s.roles.UserID(principal)
	if err != nil {
		return nil, err
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(cloud.Account), Arn: aws.String(principal.ARN), UserId: aws.String(id)}, nil
}

// sessionName is what a session may be called
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
var sessionName = regexp.MustCompile(`^[\w+=,.@-]*$`)

// AssumeRole returns credentials of a role.
func (s *Service) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if !sessionName.MatchString(*in.RoleSessionName) {
		return nil, cloud.Errorf("ValidationError", "1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: [\\w+=,.@-]*", *in.RoleSessionName)
	}
	assumed, err := s.roles.Assume(iam.Assumption{
		Principal: cloud.CallFrom(ctx).Principal, RoleARN: *in.RoleArn, Session: *in.RoleSessionName,
		ExternalID: aws.ToString(in.ExternalId), Duration: time.Duration(aws.ToInt32(in.DurationSeconds)) * time.Second,
		Policy: aws.ToString(in.Policy), PolicyARNs: policyARNs(in.PolicyArns),
	})
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: aws.String(assumed.ARN), AssumedRoleId: aws.String(assumed.RoleID)},
		Credentials: &types.Credentials{
			AccessKeyId: aws.String(assumed.Credentials.AccessKeyID), SecretAccessKey: aws.String(assumed.Credentials.SecretAccessKey),
			SessionToken: aws.String(assumed.Credentials.SessionToken), Expiration: aws.Time(assumed.Credentials.Expires),
		},
	}, nil
}

func policyARNs(given []types.PolicyDescriptorType) (names []string) {
	for _, each := range given {
		names = append(names, aws.ToString(each.Arn))
	}
	return names
}
