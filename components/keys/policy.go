package keys

import (
	"fmt"
	"sort"

	"haven/components/internal/iampolicy"
)

// Purpose is what a key protects. Each purpose has a key of its own, so that a
// grant for one kind of data opens no other.
type Purpose string

// The purposes.
const (
	Database Purpose = "database" // cluster storage, its master secret, performance insights
	Storage  Purpose = "storage"  // shared file system and buckets
	Logs     Purpose = "logs"     // CloudWatch log groups
	Compute  Purpose = "compute"  // servers' disks
	Alerts   Purpose = "alerts"   // messages to stewards
)

// Purposes lists all purposes.
func Purposes() []Purpose { return []Purpose{Database, Storage, Logs, Compute, Alerts} }

// services are the AWS services that may use a purpose's key on behalf of a
// caller who is already allowed to use that service.
var services = map[Purpose][]string{
	Database: {"rds", "secretsmanager"},
	Storage:  {"elasticfilesystem", "s3"},
	Compute:  {"ec2", "autoscaling"},
	Alerts:   {"sns"},
}

// policy is the key policy of a purpose. The account's own IAM policies decide
// about people; services get the key only for callers of this account and only
// through the named service, as AWS's own managed keys do. CloudWatch Logs acts
// as itself, bound to this account's log groups; so do alarms and database events,
// which publish to encrypted topics, bound to this account.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
func policy(purpose Purpose, region, account string) []iampolicy.Statement {
	statements := []iampolicy.Statement{{
		Sid:       "AccountPoliciesDecide",
		Principal: iampolicy.Account(account),
		Actions:   []string{"kms:*"},
		Resources: []any{"*"},
	}}
	if purpose == Logs {
		return append(statements, iampolicy.Statement{
			Sid:       "CloudWatchLogsOfThisAccount",
			Principal: map[string]any{"Service": "logs." + region + ".amazonaws.com"},
			Actions:   use(),
			Resources: []any{"*"},
			Conditions: map[string]any{"ArnLike": map[string]any{
				"kms:EncryptionContext:aws:logs:arn": fmt.Sprintf("arn:aws:logs:%s:%s:log-group:*", region, account),
			}},
		})
	}
	if purpose == Alerts {
		statements = append(statements, iampolicy.Statement{
			Sid:        "AlarmsAndEventsOfThisAccount",
			Principal:  map[string]any{"Service": []any{"cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}},
			Actions:    []string{"kms:Decrypt", "kms:GenerateDataKey*"},
			Resources:  []any{"*"},
			Conditions: map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": account}},
		})
	}
	via := make([]any, 0, len(services[purpose]))
	for _, service := range sorted(services[purpose]) {
		via = append(via, service+"."+region+".amazonaws.com")
	}
	through := map[string]any{"StringEquals": map[string]any{"kms:CallerAccount": account, "kms:ViaService": via}}
	grants := map[string]any{"StringEquals": through["StringEquals"], "Bool": map[string]any{"kms:GrantIsForAWSResource": "true"}}
	anyone := map[string]any{"AWS": "*"} // narrowed to this account and these services by the conditions
	return append(statements,
		iampolicy.Statement{
			Sid: "UseThroughServicesOfThisAccount", Principal: anyone,
			Actions: use(), Resources: []any{"*"}, Conditions: through,
		},
		iampolicy.Statement{
			Sid: "GrantThroughServicesOfThisAccount", Principal: anyone,
			Actions: []string{"kms:CreateGrant"}, Resources: []any{"*"}, Conditions: grants,
		})
}

func use() []string {
	return []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
}

func sorted(values []string) []string {
	out := append([]string(nil), values...)
	sort.Strings(out)
	return out
}
