// Package cloudwatch is a small service that clients reach in RPC v2 CBOR and in query, for the wire's own tests.
package cloudwatch

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// Service keeps the last input.
type Service struct{ Data []types.MetricDatum }

// PutMetricData keeps the data.
func (s *Service) PutMetricData(_ context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	_ = in.Namespace
	s.Data = in.MetricData
	return &cloudwatch.PutMetricDataOutput{}, nil
}

// GetMetricStatistics returns the data as they came.
func (s *Service) GetMetricStatistics(_ context.Context, in *cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	_, _, _, _ = in.Namespace, in.StartTime, in.EndTime, in.Period
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName}
	for _, datum := range s.Data {
		out.Datapoints = append(out.Datapoints, types.Datapoint{Timestamp: datum.Timestamp, Sum: datum.Value, Unit: datum.Unit})
	}
	return out, nil
}

// GetDashboard finds nothing; its error's code is not the name of its shape.
func (s *Service) GetDashboard(_ context.Context, in *cloudwatch.GetDashboardInput) (*cloudwatch.GetDashboardOutput, error) {
	return nil, cloud.Errorf("ResourceNotFound", "Dashboard %s does not exist", aws.ToString(in.DashboardName))
}
