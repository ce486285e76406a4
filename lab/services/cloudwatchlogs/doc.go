// Package cloudwatchlogs is the lab's CloudWatch Logs: groups, streams and their events, which are really kept, read
// back and filtered; retention, applied when events are read; tags and resource policies. KMS keys are checked and
// kept, but events are not encrypted on the disk. Metric filters count what is logged from then on, by the patterns that
// FilterLogEvents takes too (see package pattern).
package cloudwatchlogs
