package cloudwatch

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/series"
)

const (
	metricsPage = 500
	// listed is how long after its last measurement a metric is listed.
	listed = 14 * 24 * time.Hour
	recent = 3 * time.Hour
)

// ListMetrics lists the metrics that were measured of late.
func (s *Service) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput) (*cloudwatch.ListMetricsOutput, error) {
	if aws.ToBool(in.IncludeLinkedAccounts) || in.OwningAccount != nil {
		return nil, unsupported("metrics of other accounts: the lab has one account")
	}
	since := s.now().Add(-listed)
	if in.RecentlyActive == types.RecentlyActivePt3h {
		since = s.now().Add(-recent)
	}
	all := slices.DeleteFunc(s.data.List(cloud.RegionOf(ctx)), func(k series.Known) bool {
		return k.Last.Before(since) || in.Namespace != nil && k.Metric.Namespace != *in.Namespace ||
			in.MetricName != nil && k.Metric.Name != *in.MetricName || !hasDimensions(k.Metric, in.Dimensions)
	})
	rows, next, err := page(all, func(k series.Known) string { return k.Metric.Key() }, in.NextToken, metricsPage)
	out := &cloudwatch.ListMetricsOutput{Metrics: []types.Metric{}, NextToken: next}
	for _, row := range rows {
		out.Metrics = append(out.Metrics, types.Metric{
			Namespace: aws.String(row.Metric.Namespace), MetricName: aws.String(row.Metric.Name), Dimensions: sdkDimensions(row.Metric),
		})
	}
	return out, err
}

func hasDimensions(m series.Metric, filters []types.DimensionFilter) bool {
	for _, filter := range filters {
		i := slices.IndexFunc(sdkDimensions(m), func(d types.Dimension) bool {
			return *d.Name == aws.ToString(filter.Name) && (filter.Value == nil || *d.Value == *filter.Value)
		})
		if i < 0 {
			return false
		}
	}
	return true
}

func sdkDimensions(m series.Metric) []types.Dimension {
	all := []types.Dimension{}
	for _, d := range m.Dimensions {
		all = append(all, types.Dimension{Name: aws.String(d.Name), Value: aws.String(d.Value)})
	}
	return all
}
