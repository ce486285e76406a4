// Package series keeps measurements as long and as finely as CloudWatch does
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention): seconds
// for three hours, minutes for 15 days, five minutes for 63 days, hours for 455 days. Each resolution is a tier of
// blocks, a block some consecutive buckets of one series. Recent blocks are in memory; all are in one file, where a
// tier's blocks of a time are neighbours, so that writing and forgetting touch few pages.
//
// Measurements are written every few seconds: a lab that is killed loses those of the last ones, and nothing else.
package series
