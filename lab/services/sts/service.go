// Package sts is the lab's Security Token Service: it tells callers who they are.
package sts

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"haven/lab/cloud"
)

// Service answers STS's operations.
type Service struct{}

// New returns the service.
func New() *Service { return &Service{} }

// GetCallerIdentity tells who signed the call.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	principal := cloud.CallFrom(ctx).Principal
	return &sts.GetCallerIdentityOutput{
		Account: aws.String(cloud.Account),
		Arn:     aws.String(principal.ARN),
		UserId:  aws.String(principal.AccessKeyID),
	}, nil
}
