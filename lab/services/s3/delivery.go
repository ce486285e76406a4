package s3

import (
	"bytes"
	"context"
	"regexp"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
)

// balancers are the accounts in which Elastic Load Balancing writes access logs for a region, besides its service
// principal (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html).
var balancers = map[string]string{
	"us-east-1": "127311923021", "us-east-2": "033677994240", "us-west-2": "797873946194", "eu-west-1": "156460612806", "eu-central-1": "054676820928",
}

// balancerOf finds the balancer in the key of an access log.
var balancerOf = regexp.MustCompile(`_elasticloadbalancing_[a-z0-9-]+_(app|net)\.(.+)\.([0-9a-f]+)_`)

// PutLog keeps a log that a service delivers, where the bucket's policy lets it.
func (s *Service) PutLog(ctx context.Context, region, bucketName, key string, content []byte) error {
	if err := s.store.View(func(tx *cloud.Tx) error { return mayDeliver(tx, region, bucketName, key) }); err != nil {
		return err
	}
	name, size, sum, err := s.files.write(bytes.NewReader(content))
	if err != nil {
		return err
	}
	_, err = s.keep(ctx, &object{Bucket: bucketName, Key: key, File: name, Size: size, ETag: quotedETag(sum)}, conditions{})
	return err
}

// mayDeliver asks the bucket's policy: Elastic Load Balancing needs a statement for its service or, as before it had one,
// for its account. Vended logs, such as those of experiments, have their own statement added for them, so that only a denial
// keeps them out (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html).
func mayDeliver(tx *cloud.Tx, region, bucketName, key string) error {
	if _, err := findBucket(tx, &bucketName, nil); err != nil {
		return err
	}
	question := policy.Question{
		Action: "s3:PutObject", Resources: []string{arnPrefix + bucketName + "/" + key},
		Context: map[string][]string{
			"aws:sourceaccount": {cloud.Account}, "aws:securetransport": {"true"}, "aws:principalisawsservice": {"true"},
			"s3:x-amz-acl": {"bucket-owner-full-control"},
		},
	}
	if found := balancerOf.FindStringSubmatch(key); found != nil {
		question.Context["aws:sourcearn"] = []string{cloud.ARN("elasticloadbalancing", region, "loadbalancer/"+found[1]+"/"+found[2]+"/"+found[3])}
	}
	guard, err := Guard(tx, region, question)
	if err != nil {
		return err
	}
	decide := func(caller policy.Caller) policy.Decision {
		return policy.Access{Caller: caller, Guard: guard}.Decide(question).Decision
	}
	if !strings.Contains(key, "elasticloadbalancing") && !strings.Contains(key, "ELB") {
		if decide(policy.Caller{Service: "delivery.logs.amazonaws.com"}) == policy.Denied {
			return cloud.StatusErrorf(403, "AccessDenied", "Access Denied for bucket: %s. Its policy denies delivery.logs.amazonaws.com to write %s.", bucketName, key)
		}
		return nil
	}
	account := "arn:aws:iam::" + balancers[region] + ":root"
	for _, caller := range []policy.Caller{{Service: "logdelivery.elasticloadbalancing.amazonaws.com"}, {Own: []string{account, balancers[region]}}} {
		if decide(caller) == policy.Allowed {
			return nil
		}
	}
	return cloud.StatusErrorf(403, "AccessDenied", "Access Denied for bucket: %s. Its policy does not let logdelivery.elasticloadbalancing.amazonaws.com write %s.", bucketName, key)
}
