package iam

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/services/iam/policy"
)

// grants are Amazon's own policies that the lab knows, by path and name, with the actions that they allow on every
// resource (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html). Conditions and narrower
// resources that some of them have are left out.
var grants = map[string][]string{
	"/AdministratorAccess": {"*"},
	"/ReadOnlyAccess": {
		"*:Describe*", "*:Get*", "*:List*", "s3:HeadBucket",
	},
	"/AmazonSSMManagedInstanceCore": {
		"ssm:DescribeAssociation", "ssm:GetDeployablePatchSnapshotForInstance", "ssm:GetDocument", "ssm:DescribeDocument", "ssm:GetManifest",
		"ssm:GetParameter", "ssm:GetParameters", "ssm:ListAssociations", "ssm:ListInstanceAssociations", "ssm:PutInventory",
		"ssm:PutComplianceItems", "ssm:PutConfigurePackageResult", "ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus",
		"ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*",
	},
	"/CloudWatchAgentServerPolicy": {
		"cloudwatch:PutMetricData", "ec2:DescribeVolumes", "ec2:DescribeTags", "logs:PutLogEvents", "logs:PutRetentionPolicy",
		"logs:DescribeLogStreams", "logs:DescribeLogGroups", "logs:CreateLogStream", "logs:CreateLogGroup", "xray:PutTraceSegments",
		"xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries", "ssm:GetParameter",
	},
	"/AmazonS3ReadOnlyAccess":                                    {"s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"},
	"/AmazonS3FullAccess":                                        {"s3:*", "s3-object-lambda:*"},
	"/AmazonElasticFileSystemClientFullAccess":                   {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess", "elasticfilesystem:ClientWrite", "elasticfilesystem:DescribeMountTargets"},
	"/AmazonElasticFileSystemClientReadWriteAccess":              {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:DescribeMountTargets"},
	"/SecretsManagerReadWrite":                                   {"secretsmanager:*", "kms:DescribeKey", "kms:ListAliases", "kms:ListKeys"},
	"/CloudWatchLogsFullAccess":                                  {"logs:*", "cloudwatch:GenerateQuery"},
	"/service-role/AmazonRDSEnhancedMonitoringRole":              {"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams", "logs:GetLogEvents"},
	"/service-role/AWSBackupServiceRolePolicyForBackup":          {"backup:*", "rds:*", "elasticfilesystem:*", "ec2:*", "tag:GetResources", "kms:DescribeKey"},
	"/service-role/AWSBackupServiceRolePolicyForRestores":        {"backup:*", "rds:*", "elasticfilesystem:*", "ec2:*", "kms:DescribeKey"},
	"/service-role/AmazonSSMMaintenanceWindowRole":               {"ssm:*", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "tag:GetResources"},
	"/aws-service-role/AutoScalingServiceRolePolicy":             {"ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "sns:Publish", "iam:PassRole"},
	"/aws-service-role/AWSElasticLoadBalancingServiceRolePolicy": {"ec2:*", "elasticloadbalancing:*"},
	"/aws-service-role/AmazonRDSServiceRolePolicy":               {"rds:*", "ec2:*", "sns:Publish", "logs:*", "secretsmanager:*"},
	"/aws-service-role/AmazonElasticFileSystemServiceRolePolicy": {"backup-storage:*", "ec2:*", "tag:GetResources", "backup:*", "kms:*", "elasticfilesystem:*"},
	"/aws-service-role/AWSNetworkFirewallServiceRolePolicy":      {"ec2:*", "acm:DescribeCertificate", "resource-groups:*"},
}

// amazonPolicies returns Amazon's own policies by ARN.
var amazonPolicies = sync.OnceValue(func() map[string]*managed {
	since := time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC)
	all := map[string]*managed{}
	for at, actions := range grants {
		slash := strings.LastIndexByte(at, '/') + 1
		name := amazonsOwn + at[1:]
		all[name] = &managed{
			Policy: types.Policy{
				Arn: aws.String(name), PolicyName: aws.String(at[slash:]), Path: aws.String(at[:slash]), IsAttachable: true,
				PolicyId: aws.String("ANPA" + strings.ToUpper(at[slash:])), DefaultVersionId: aws.String("v1"), CreateDate: &since, UpdateDate: &since,
			},
			Versions: []types.PolicyVersion{{
				VersionId: aws.String("v1"), IsDefaultVersion: true, CreateDate: &since, Document: aws.String(allowing(actions)),
			}},
		}
	}
	return all
})

func allowing(actions []string) string {
	document, err := json.Marshal(map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": policy.Allow, "Action": actions, "Resource": "*"}},
	})
	if err != nil {
		panic("iam: " + err.Error()) // strings always can be encoded
	}
	return string(document)
}

func amazonPolicyNames() []string {
	var names []string
	for _, at := range slices.Sorted(maps.Keys(grants)) {
		names = append(names, strings.TrimPrefix(at, "/"))
	}
	return names
}
