package elasticloadbalancingv2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
)

// Codes of the API; see the errors of each operation in
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html.
const (
	codeInvalid     = "ValidationError"
	codeConfig      = "InvalidConfigurationRequest"
	codeUnsupported = "UnsupportedOperation"
	codeNotAllowed  = "OperationNotPermitted"
)

func unsupported(format string, args ...any) error {
	return cloud.Unsupportedf(codeUnsupported, format, args...)
}

func invalid(format string, args ...any) error { return cloud.Errorf(codeInvalid, format, args...) }

// find returns the row of an ARN, or the code's error.
func find[Row any](table cloud.Table[Row], tx *cloud.Tx, region string, arn *string, kind, code, message string) (*Row, error) {
	if err := checkARN(aws.ToString(arn), kind); err != nil {
		return nil, err
	}
	row, err := table.Get(tx, region, *arn)
	if err == nil && row == nil {
		err = cloud.Errorf(code, message, *arn)
	}
	return row, err
}

func checkARN(arn, kind string) error {
	if !strings.HasPrefix(arn, "arn:aws:elasticloadbalancing:") || !strings.Contains(arn, ":"+kind+"/") {
		return invalid("'%s' is not a valid %s ARN", arn, strings.ReplaceAll(kind, "-", " "))
	}
	return nil
}

func findBalancer(tx *cloud.Tx, region string, arn *string) (*loadBalancer, error) {
	return find(loadBalancers, tx, region, arn, "loadbalancer", "LoadBalancerNotFound", "Load balancer '%s' not found")
}

func findGroup(tx *cloud.Tx, region string, arn *string) (*targetGroup, error) {
	return find(targetGroups, tx, region, arn, "targetgroup", "TargetGroupNotFound", "Target group '%s' not found")
}

func findListener(tx *cloud.Tx, region string, arn *string) (*listener, error) {
	return find(listeners, tx, region, arn, "listener", "ListenerNotFound", "Listener '%s' not found")
}

func findRule(tx *cloud.Tx, region string, arn *string) (*rule, error) {
	return find(rules, tx, region, arn, "listener-rule", "RuleNotFound", "Rule '%s' not found")
}

// view and update run a transaction in the call's region.
func (s *Service) view(ctx context.Context, read func(tx *cloud.Tx, region string) error) error {
	return s.store.View(func(tx *cloud.Tx) error { return read(tx, cloud.RegionOf(ctx)) })
}

func (s *Service) update(ctx context.Context, write func(tx *cloud.Tx, region string) error) error {
	return s.store.Update(func(tx *cloud.Tx) error { return write(tx, cloud.RegionOf(ctx)) })
}

// page cuts one page; the API's pages hold 400 items unless told otherwise.
func page[T any](items []T, key func(T) string, marker *string, size *int32) ([]T, *string, error) {
	limit := 400
	if size != nil {
		limit = int(*size)
	}
	cut, next, err := cloud.Page(items, key, aws.ToString(marker), limit)
	if err != nil {
		return nil, nil, invalid("The marker '%s' is not valid", aws.ToString(marker))
	}
	if next == "" {
		return cut, nil, nil
	}
	return cut, aws.String(next), nil
}

// listed picks the rows that ARNs or names ask for, or all.
func contains(list []string, value *string) bool {
	for _, item := range list {
		if item == aws.ToString(value) {
			return true
		}
	}
	return false
}
