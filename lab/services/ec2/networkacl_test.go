package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNetworkACLs(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	subnet := b.subnet(id, "10.0.0.0/24", "us-east-1a")
	made, err := b.client.CreateNetworkAcl(b.ctx, &ec2.CreateNetworkAclInput{VpcId: aws.String(id)})
	require.NoError(t, err)
	acl := made.NetworkAcl.NetworkAclId

	entry := &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: acl, Egress: aws.Bool(false), RuleNumber: aws.Int32(100), Protocol: aws.String("6"), RuleAction: types.RuleActionAllow,
		CidrBlock: aws.String("0.0.0.0/0"), PortRange: &types.PortRange{From: aws.Int32(80), To: aws.Int32(80)},
	}
	_, err = b.client.CreateNetworkAclEntry(b.ctx, entry)
	require.NoError(t, err)
	_, err = b.client.CreateNetworkAclEntry(b.ctx, entry)
	refused(t, "NetworkAclEntryAlreadyExists", err)
	found, err := b.client.DescribeNetworkAcls(b.ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{*acl}, Filters: []types.Filter{filter("entry.egress", "false"), filter("entry.rule-number", "100")}})
	require.NoError(t, err)
	require.Len(t, found.NetworkAcls, 1)
	_, err = b.client.ReplaceNetworkAclEntry(b.ctx, &ec2.ReplaceNetworkAclEntryInput{
		NetworkAclId: acl, Egress: aws.Bool(true), RuleNumber: aws.Int32(100), Protocol: aws.String("-1"), RuleAction: types.RuleActionDeny, CidrBlock: aws.String("0.0.0.0/0"),
	})
	refused(t, "InvalidNetworkAclEntry.NotFound", err)
	entry.RuleNumber, entry.PortRange = aws.Int32(101), nil
	_, err = b.client.CreateNetworkAclEntry(b.ctx, entry)
	refused(t, "MissingParameter", err)

	before, err := b.client.DescribeNetworkAcls(b.ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{filter("association.subnet-id", subnet)}})
	require.NoError(t, err)
	require.True(t, *before.NetworkAcls[0].IsDefault)
	swapped, err := b.client.ReplaceNetworkAclAssociation(b.ctx, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: before.NetworkAcls[0].Associations[0].NetworkAclAssociationId, NetworkAclId: acl})
	require.NoError(t, err)
	after, err := b.client.DescribeNetworkAcls(b.ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{filter("association.association-id", *swapped.NewAssociationId)}})
	require.NoError(t, err)
	assert.Equal(t, *acl, *after.NetworkAcls[0].NetworkAclId)
	_, err = b.client.DeleteNetworkAcl(b.ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: acl})
	refused(t, "DependencyViolation", err)
	_, err = b.client.DeleteNetworkAcl(b.ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: before.NetworkAcls[0].NetworkAclId})
	refused(t, "InvalidParameterValue", err)
	_, err = b.client.DeleteNetworkAclEntry(b.ctx, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: acl, Egress: aws.Bool(false), RuleNumber: aws.Int32(100)})
	require.NoError(t, err)
}
