// Package expression reads and computes CloudWatch's metric math
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html): arithmetic, comparison and
// logic over numbers, time series and arrays of them, and the functions of the table in functions.go. A datapoint whose
// value is not a number, as of a division by zero, is none. Functions that the lab does not have are refused by name when
// the expression is read.
package expression
