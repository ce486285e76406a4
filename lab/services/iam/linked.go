package iam

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
)

// servicePath is where service-linked roles are.
const servicePath = "/aws-service-role/"

// linked are the services that have a role of their own: its name and its policy, by the service's principal
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html).
var linked = map[string]struct{ role, policy string }{
	"autoscaling.amazonaws.com":          {"AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy"},
	"elasticloadbalancing.amazonaws.com": {"AWSServiceRoleForElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"},
	"rds.amazonaws.com":                  {"AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy"},
	"elasticfilesystem.amazonaws.com":    {"AWSServiceRoleForAmazonElasticFileSystem", "AmazonElasticFileSystemServiceRolePolicy"},
	"network-firewall.amazonaws.com":     {"AWSServiceRoleForNetworkFirewall", "AWSNetworkFirewallServiceRolePolicy"},
}

// CreateServiceLinkedRole makes the role that a service acts as.
func (s *Service) CreateServiceLinkedRole(_ context.Context, in *iam.CreateServiceLinkedRoleInput) (*iam.CreateServiceLinkedRoleOutput, error) {
	known, ok := linked[*in.AWSServiceName]
	if !ok {
		return nil, cloud.Unsupportedf("InvalidInput", "a service-linked role for %s", *in.AWSServiceName)
	}
	name := known.role
	if in.CustomSuffix != nil {
		name += "_" + *in.CustomSuffix
	}
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":"sts:AssumeRole"}]}`, *in.AWSServiceName)
	made, err := s.newRole(servicePath+*in.AWSServiceName+"/", name, &trust)
	if err != nil {
		return nil, err
	}
	made.Description = in.Description
	made.Attached = []string{amazonsOwn + "aws-service-role/" + known.policy}
	existing := cloud.Errorf("InvalidInput", "Service role name %s has been taken in this account, please try a different suffix.", name)
	if err := create(s, roles, "Role", name, made); cloud.HasCode(err, "EntityAlreadyExists") {
		return nil, existing
	} else if err != nil {
		return nil, err
	}
	return &iam.CreateServiceLinkedRoleOutput{Role: made.described()}, nil
}

// DeleteServiceLinkedRole removes such a role; the answer's task is done at once.
func (s *Service) DeleteServiceLinkedRole(_ context.Context, in *iam.DeleteServiceLinkedRoleInput) (*iam.DeleteServiceLinkedRoleOutput, error) {
	out := &iam.DeleteServiceLinkedRoleOutput{}
	return out, remove(s, roles, "role", in.RoleName, func(_ *cloud.Tx, r *role) error {
		if !strings.HasPrefix(*r.Path, servicePath) {
			return cloud.Errorf("InvalidInput", "The role %s is not a service-linked role.", *in.RoleName)
		}
		out.DeletionTaskId = aws.String("task" + *r.Path + *in.RoleName + "/" + cloud.NewUUID())
		return nil
	})
}

// GetServiceLinkedRoleDeletionStatus tells that a deletion is done: it is when it was asked for.
func (s *Service) GetServiceLinkedRoleDeletionStatus(_ context.Context, in *iam.GetServiceLinkedRoleDeletionStatusInput) (*iam.GetServiceLinkedRoleDeletionStatusOutput, error) {
	if !strings.HasPrefix(*in.DeletionTaskId, "task"+servicePath) {
		return nil, cloud.Errorf("NoSuchEntity", "There is no deletion task %s.", *in.DeletionTaskId)
	}
	return &iam.GetServiceLinkedRoleDeletionStatusOutput{Status: types.DeletionTaskStatusTypeSucceeded}, nil
}
