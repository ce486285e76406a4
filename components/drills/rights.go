package drills

import (
	"maps"
	"slices"

	"haven/components/internal/iampolicy"
)

// managed is the tag that FIS gives the network ACLs which it makes, and by which
// it may change and delete them: those, and no other.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSFaultInjectionSimulatorNetworkAccess.html
const managed = "managedByFIS"

// rights are what the templates need, and nothing more.
func (b *builder) rights() []iampolicy.Statement {
	a := b.args
	equals := func(pairs map[string]any) map[string]any { return map[string]any{"StringEquals": pairs} }
	servers := map[string]any{}
	for key, value := range a.Servers {
		servers["aws:ResourceTag/"+key] = value
	}
	base := "arn:aws:ec2:" + a.Region + ":" + a.Account + ":"
	acl := base + "network-acl/*"
	var subnets []any
	for _, letter := range slices.Sorted(maps.Keys(a.Subnets)) {
		for _, id := range a.Subnets[letter] {
			subnets = append(subnets, b.arn("subnet/%s", id))
		}
	}
	return []iampolicy.Statement{
		{
			Sid: "FindTargets", Resources: []any{"*"}, // none of these can be narrowed
			Actions: []string{"ec2:DescribeInstances", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeNetworkAcls", "rds:DescribeDBClusters"},
		},
		{
			Sid: "BreakServers", Actions: []string{"ec2:StopInstances", "ec2:StartInstances", "ec2:TerminateInstances"},
			Resources: []any{base + "instance/*"}, Conditions: equals(servers),
		},
		{
			Sid: "StartWithEncryptedDisks", Actions: []string{"kms:CreateGrant"}, Resources: []any{a.DiskKey},
			Conditions: map[string]any{
				"StringEquals": map[string]any{"kms:ViaService": "ec2." + a.Region + ".amazonaws.com"},
				"Bool":         map[string]any{"kms:GrantIsForAWSResource": "true"},
			},
		},
		{
			Sid: "MakeNetworkACLs", Actions: []string{"ec2:CreateNetworkAcl"}, Resources: []any{acl},
			Conditions: equals(map[string]any{"aws:RequestTag/" + managed: "true"}),
		},
		{Sid: "MakeNetworkACLsHere", Actions: []string{"ec2:CreateNetworkAcl"}, Resources: []any{b.arn("vpc/%s", a.VPC)}},
		{
			Sid: "TagNetworkACLsThatItMakes", Actions: []string{"ec2:CreateTags"}, Resources: []any{acl},
			Conditions: equals(map[string]any{"aws:RequestTag/" + managed: "true", "ec2:CreateAction": "CreateNetworkAcl"}),
		},
		{
			Sid: "ChangeNetworkACLsThatItMade", Actions: []string{"ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAcl"}, Resources: []any{acl},
			Conditions: equals(map[string]any{"aws:ResourceTag/" + managed: "true"}),
		},
		{
			Sid: "SwapNetworkACLs", Actions: []string{"ec2:ReplaceNetworkAclAssociation"},
			Resources: append(subnets, acl),
		},
		{Sid: "FailOver", Actions: []string{"rds:FailoverDBCluster"}, Resources: []any{a.Cluster}},
	}
}
