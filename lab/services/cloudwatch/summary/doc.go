// Package summary condenses measured values and computes CloudWatch's statistics of them
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html). A summary keeps each
// distinct value while they are few; past that it rounds them to bins of a constant relative width, so that a bucket
// that took a million response times stays small and its percentiles stay within half a percent.
package summary
