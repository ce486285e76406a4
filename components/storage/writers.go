package storage

import "haven/components/internal/iampolicy"

// Writer lets somebody write objects; the bucket adds itself as the resource.
type Writer iampolicy.Statement

// BalancerLogs lets Elastic Load Balancing write access logs.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
func BalancerLogs(account string) Writer {
	return Writer{
		Sid:        "BalancerAccessLogs",
		Principal:  map[string]any{"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
		Actions:    []string{"s3:PutObject"},
		Conditions: fromAccount(account),
	}
}

// RequestLogs lets S3 write the request logs of other buckets.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
func RequestLogs(account string) Writer {
	return Writer{
		Sid:        "BucketRequestLogs",
		Principal:  map[string]any{"Service": "logging.s3.amazonaws.com"},
		Actions:    []string{"s3:PutObject"},
		Conditions: fromAccount(account),
	}
}

func fromAccount(account string) map[string]any {
	return map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": account}}
}
