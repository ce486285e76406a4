// Package route53 is a small service in the rest-xml protocol, for the wire's own tests.
package route53

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// Service keeps the last input.
type Service struct {
	Change *route53.ChangeResourceRecordSetsInput
}

// ChangeResourceRecordSets echoes.
func (s *Service) ChangeResourceRecordSets(_ context.Context, in *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	s.Change = &route53.ChangeResourceRecordSetsInput{HostedZoneId: in.HostedZoneId, ChangeBatch: in.ChangeBatch}
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: &types.ChangeInfo{Id: aws.String("/change/C1"), Status: types.ChangeStatusInsync}}, nil
}

// GetHostedZone finds nothing.
func (s *Service) GetHostedZone(_ context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	return nil, cloud.Errorf("NoSuchHostedZone", "No hosted zone found with ID: %s", aws.ToString(in.Id))
}
