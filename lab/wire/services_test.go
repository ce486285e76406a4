package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/services/acm"
	"haven/lab/services/arczonalshift"
	"haven/lab/services/autoscaling"
	"haven/lab/services/cloudwatch"
	"haven/lab/services/cloudwatchlogs"
	"haven/lab/services/ec2"
	"haven/lab/services/efs"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/services/fis"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/services/networkfirewall"
	"haven/lab/services/rds"
	"haven/lab/services/route53"
	"haven/lab/services/s3"
	"haven/lab/services/secretsmanager"
	"haven/lab/services/sns"
	"haven/lab/services/ssm"
	"haven/lab/services/sts"
	"haven/lab/services/wafv2"
	"haven/lab/wire"
	"haven/lab/wire/wiretest"
)

// every is every service of the lab, without anything behind it: enough to look at its methods.
var every = map[string]any{
	"acm": &acm.Service{}, "arczonalshift": &arczonalshift.Service{}, "autoscaling": &autoscaling.Service{}, "cloudwatch": &cloudwatch.Service{}, "cloudwatchlogs": &cloudwatchlogs.Service{}, "ec2": &ec2.Service{},
	"efs": &efs.Service{}, "elasticloadbalancingv2": &elasticloadbalancingv2.Service{}, "fis": &fis.Service{}, "iam": &iam.Service{}, "kms": &kms.Service{},
	"networkfirewall": &networkfirewall.Service{}, "rds": &rds.Service{}, "route53": &route53.Service{}, "s3": &s3.Service{},
	"secretsmanager": &secretsmanager.Service{}, "sns": &sns.Service{}, "ssm": &ssm.Service{}, "sts": &sts.Service{}, "wafv2": &wafv2.Service{},
}

// TestEveryServiceFitsItsModel joins every member of every operation that the lab serves to a field of the SDK's types:
// with the models that are committed, and with those that the sources call for now.
func TestEveryServiceFitsItsModel(t *testing.T) {
	_, err := wire.NewServer(wire.Options{Authenticator: wiretest.Operator{}}, every)
	require.NoError(t, err)
	_, err = wire.NewServer(wire.Options{Authenticator: wiretest.Operator{}, Models: wiretest.Models(t)}, every)
	require.NoError(t, err)
}

// BenchmarkStart measures what the server adds to the lab's start.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		_, err := wire.NewServer(wire.Options{Authenticator: wiretest.Operator{}}, every)
		require.NoError(b, err)
	}
}
