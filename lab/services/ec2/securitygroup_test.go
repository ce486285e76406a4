package ec2_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tcp(port int32, blocks ...string) types.IpPermission {
	permission := types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port)}
	for _, block := range blocks {
		permission.IpRanges = append(permission.IpRanges, types.IpRange{CidrIp: aws.String(block)})
	}
	return permission
}

func (b *bench) authorize(group string, permissions ...types.IpPermission) ([]types.SecurityGroupRule, error) {
	out, err := b.client.AuthorizeSecurityGroupIngress(b.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: aws.String(group), IpPermissions: permissions})
	if err != nil {
		return nil, err
	}
	return out.SecurityGroupRules, nil
}

func TestSecurityGroupRules(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	group, other := b.group(id, "web"), b.group(id, "db")
	rules, err := b.authorize(group, tcp(80, "10.0.0.0/8", "192.168.0.0/16"))
	require.NoError(t, err)
	require.Len(t, rules, 2)
	assert.False(t, *rules[0].IsEgress)

	_, err = b.authorize(group, tcp(80, "10.0.0.0/8"))
	refused(t, "InvalidPermission.Duplicate", err)
	_, err = b.authorize(group, tcp(80, "10.0.0.0"))
	refused(t, "InvalidParameterValue", err)
	_, err = b.authorize(group, types.IpPermission{IpProtocol: aws.String("tcp"), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}})
	refused(t, "InvalidParameterValue", err)
	_, err = b.authorize(group, types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1), ToPort: aws.Int32(1), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-0123456789abcdef0")}}})
	refused(t, "InvalidGroup.NotFound", err)

	_, err = b.authorize(other, types.IpPermission{IpProtocol: aws.String("6"), FromPort: aws.Int32(5432), ToPort: aws.Int32(5432), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(group)}}})
	require.NoError(t, err)
	shown, err := b.client.DescribeSecurityGroups(b.ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("ip-permission.group-id", group), filter("vpc-id", id)}})
	require.NoError(t, err)
	require.Len(t, shown.SecurityGroups, 1)
	assert.Equal(t, "tcp", *shown.SecurityGroups[0].IpPermissions[0].IpProtocol)

	_, err = b.client.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(group)})
	refused(t, "DependencyViolation", err)
	_, err = b.client.RevokeSecurityGroupIngress(b.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(group), SecurityGroupRuleIds: []string{*rules[0].SecurityGroupRuleId}})
	require.NoError(t, err)
	_, err = b.client.RevokeSecurityGroupIngress(b.ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(group), IpPermissions: []types.IpPermission{tcp(80, "10.0.0.0/8")}})
	refused(t, "InvalidPermission.NotFound", err)
	_, err = b.client.DescribeSecurityGroupRules(b.ctx, &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{*rules[0].SecurityGroupRuleId}})
	refused(t, "InvalidSecurityGroupRuleId.NotFound", err)

	_, err = b.client.ModifySecurityGroupRules(b.ctx, &ec2.ModifySecurityGroupRulesInput{GroupId: aws.String(group), SecurityGroupRules: []types.SecurityGroupRuleUpdate{{
		SecurityGroupRuleId: rules[1].SecurityGroupRuleId,
		SecurityGroupRule:   &types.SecurityGroupRuleRequest{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(81), ToPort: aws.Int32(81), CidrIpv4: aws.String("10.0.0.0/8")},
	}}})
	require.NoError(t, err)
	changed, err := b.client.DescribeSecurityGroupRules(b.ctx, &ec2.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{*rules[1].SecurityGroupRuleId}})
	require.NoError(t, err)
	assert.EqualValues(t, 81, *changed.SecurityGroupRules[0].FromPort)
	assert.Equal(t, "10.0.0.0/8", *changed.SecurityGroupRules[0].CidrIpv4)
}

// What the provider does to each new group: take the default egress rule away, of IPv4 and, in vain, of IPv6.
func TestDefaultEgressCanBeRevoked(t *testing.T) {
	b := newBench(t)
	group := b.group(b.vpc("10.0.0.0/16"), "web")
	revoke := func(permission types.IpPermission) error {
		_, err := b.client.RevokeSecurityGroupEgress(b.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: aws.String(group), IpPermissions: []types.IpPermission{permission}})
		return err
	}
	all := types.IpPermission{IpProtocol: aws.String("-1"), FromPort: aws.Int32(0), ToPort: aws.Int32(0)}
	all.IpRanges = []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}
	require.NoError(t, revoke(all))
	refused(t, "InvalidPermission.NotFound", revoke(all))
	all.IpRanges, all.Ipv6Ranges = nil, []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}
	refused(t, "InvalidPermission.NotFound", revoke(all))
}

func TestSecurityGroupNamesAndQuotas(t *testing.T) {
	b := newBench(t)
	id := b.vpc("10.0.0.0/16")
	b.group(id, "web")
	for name, code := range map[string]string{"web": "InvalidGroup.Duplicate", "sg-web": "InvalidParameterValue", "default": "InvalidParameterValue", "ü": "InvalidParameterValue"} {
		_, err := b.client.CreateSecurityGroup(b.ctx, &ec2.CreateSecurityGroupInput{VpcId: aws.String(id), GroupName: aws.String(name), Description: aws.String("x")})
		refused(t, code, err)
	}
	group := b.group(id, "full")
	var blocks []string
	for i := range 60 {
		blocks = append(blocks, fmt.Sprintf("10.%d.0.0/16", i))
	}
	_, err := b.authorize(group, tcp(80, blocks...))
	require.NoError(t, err)
	_, err = b.authorize(group, tcp(80, "10.200.0.0/16"))
	refused(t, "RulesPerSecurityGroupLimitExceeded", err)

	groups, err := b.client.DescribeSecurityGroups(b.ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("group-name", "default"), filter("vpc-id", id)}})
	require.NoError(t, err)
	_, err = b.client.DeleteSecurityGroup(b.ctx, &ec2.DeleteSecurityGroupInput{GroupId: groups.SecurityGroups[0].GroupId})
	refused(t, "CannotDelete", err)

	subnet := b.subnet(id, "10.0.0.0/24", "us-east-1a")
	var many []string
	for i := range 6 {
		many = append(many, b.group(id, fmt.Sprintf("group-%d", i)))
	}
	_, err = b.client.CreateNetworkInterface(b.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnet), Groups: many})
	refused(t, "SecurityGroupsPerInterfaceLimitExceeded", err)
	foreign := b.group(b.vpc("10.1.0.0/16"), "foreign")
	_, err = b.client.CreateNetworkInterface(b.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(subnet), Groups: []string{foreign}})
	refused(t, "InvalidGroup.NotFound", err)
}
