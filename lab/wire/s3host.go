package wire

import (
	"regexp"
	"strings"
)

// bucketHost matches hosts that have a bucket's name in front
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html), in AWS's domains and for localhost.
var bucketHost = regexp.MustCompile(`^(.+?)\.(?:s3[.-](?:dualstack\.)?(?:[a-z0-9-]+\.)?amazonaws\.com|(?:s3\.)?localhost)$`)

// pathStyle returns the path with the bucket in front, wherever the request had it.
func pathStyle(host, path string) string {
	found := bucketHost.FindStringSubmatch(strings.ToLower(host))
	if found == nil || found[1] == "s3" {
		return path
	}
	return "/" + found[1] + path
}

// s3Region matches hosts of S3 in a region.
var s3Region = regexp.MustCompile(`(?:^|\.)s3[.-](?:dualstack\.)?([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.amazonaws\.com$`)

// regionOfHost returns the region of an S3 endpoint's name; others are the global endpoint's, us-east-1.
func regionOfHost(host string) string {
	if found := s3Region.FindStringSubmatch(strings.ToLower(host)); found != nil {
		return found[1]
	}
	return "us-east-1"
}

func (x *exchange) isS3() bool { return x.service != nil && x.service.model.Name == "s3" }
