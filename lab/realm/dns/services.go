package dns

import (
	"regexp"
	"slices"
	"strings"
)

// Services are the addresses where the AWS services answer; an empty one has no names.
type Services struct {
	Default, S3, DynamoDB string
}

var (
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	serviceName = regexp.MustCompile(`^[a-z0-9-]+$`)
	// notServices are single labels below amazonaws.com that are domains of customers' names.
	notServices = []string{"compute", "compute-1", "elb", "rds", "efs", "dualstack"}
)

// address returns where the public endpoint of an AWS service answers whose name this is, as
// https://docs.aws.amazon.com/general/latest/gr/rande.html forms them: <service>.<region>.amazonaws.com,
// <service>.amazonaws.com, and buckets below S3's names. Names of load balancers, databases and file systems are no
// such names: services give them as records.
func (s Services) address(name string) string {
	rest, ok := strings.CutSuffix(name, ".amazonaws.com")
	if !ok {
		return ""
	}
	labels := strings.Split(rest, ".")
	labels, regional := withoutLast(labels, regionName.MatchString)
	labels, _ = withoutLast(labels, func(l string) bool { return l == "dualstack" })
	if len(labels) == 0 {
		return ""
	}
	service := labels[len(labels)-1]
	switch {
	case service == "s3":
		return s.S3 // with or without a bucket in front
	case len(labels) > 1 || !serviceName.MatchString(service):
		return ""
	case !regional && slices.Contains(notServices, service):
		return ""
	case service == "dynamodb":
		return s.DynamoDB
	}
	return s.Default
}

func withoutLast(labels []string, is func(string) bool) ([]string, bool) {
	if n := len(labels); n > 0 && is(labels[n-1]) {
		return labels[:n-1], true
	}
	return labels, false
}
