package target_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/require"

	"haven/drill/target"
)

func TestEveryCallIsJournaled(t *testing.T) {
	var lines bytes.Buffer
	journal := target.NewJournal(&lines)
	config := journal.Journaled(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
	_, err := rds.NewFromConfig(config).FailoverDBCluster(context.Background(), &rds.FailoverDBClusterInput{DBClusterIdentifier: aws.String("secret-name")})
	require.Error(t, err, "nobody listens there")
	_, err = elb.NewFromConfig(config).DescribeTargetHealth(context.Background(), &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("arn")})
	require.Error(t, err)
	require.Equal(t, []string{"elasticloadbalancing:DescribeTargetHealth", "rds:FailoverDBCluster"}, journal.Actions())
	require.Contains(t, lines.String(), `"action":"rds:FailoverDBCluster"`)
	require.NotContains(t, lines.String(), "secret-name")
}

func TestActions(t *testing.T) {
	for want, from := range map[string][2]string{
		"elasticloadbalancing:DescribeTargetHealth": {"Elastic Load Balancing v2", "DescribeTargetHealth"},
		"autoscaling:DescribeAutoScalingGroups":     {"Auto Scaling", "DescribeAutoScalingGroups"},
		"elasticfilesystem:DescribeMountTargets":    {"EFS", "DescribeMountTargets"},
		"network-firewall:DescribeFirewall":         {"Network Firewall", "DescribeFirewall"},
		"logs:FilterLogEvents":                      {"CloudWatch Logs", "FilterLogEvents"},
		"arc-zonal-shift:StartZonalShift":           {"ARC Zonal Shift", "StartZonalShift"},
	} {
		require.Equal(t, want, target.Action(from[0], from[1]))
	}
}
