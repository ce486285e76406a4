package autoscaling

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
	"haven/lab/metric"
)

// groupMetrics are all that a group can publish; the lab has no warm pools, so theirs are of the group alone or zero
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html).
var groupMetrics = []string{
	"GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity", "GroupDesiredCapacity", "GroupInServiceCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupMinSize",
	"GroupPendingCapacity", "GroupPendingInstances", "GroupStandbyCapacity", "GroupStandbyInstances", "GroupTerminatingCapacity", "GroupTerminatingInstances", "GroupTotalCapacity",
	"GroupTotalInstances", "WarmPoolDesiredCapacity", "WarmPoolMinSize", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity", "WarmPoolTotalCapacity", "WarmPoolWarmedCapacity",
}

// measured returns the values of all the group's metrics. An instance is one unit of capacity.
func (g *group) measured() map[string]float64 {
	var pending, serving, standby, ending float64
	for _, m := range g.Members {
		switch {
		case m.State == types.LifecycleStateInService:
			serving++
		case m.State == types.LifecycleStateStandby:
			standby++
		case m.ending():
			ending++
		default:
			pending++
		}
	}
	desired, total := float64(g.Desired), pending+serving+standby+ending
	return map[string]float64{
		"GroupDesiredCapacity": desired, "GroupMinSize": float64(g.Min), "GroupMaxSize": float64(g.Max),
		"GroupInServiceInstances": serving, "GroupInServiceCapacity": serving, "GroupPendingInstances": pending, "GroupPendingCapacity": pending,
		"GroupStandbyInstances": standby, "GroupStandbyCapacity": standby, "GroupTerminatingInstances": ending, "GroupTerminatingCapacity": ending,
		"GroupTotalInstances": total, "GroupTotalCapacity": total, "GroupAndWarmPoolDesiredCapacity": desired, "GroupAndWarmPoolTotalCapacity": total,
	}
}

// data are the group's enabled metrics at a moment.
func (g *group) data(now time.Time) (data []metric.Datum) {
	values := g.measured()
	for _, name := range g.Metrics {
		data = append(data, metric.Datum{
			Namespace: "AWS/AutoScaling", Name: name, Time: now, Values: []float64{values[name]},
			Dimensions: []metric.Dimension{{Name: "AutoScalingGroupName", Value: g.Name}},
		})
	}
	return data
}

// measure publishes the groups' metrics each minute, until the context ends.
func (s *Service) measure(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))):
		}
		if err := s.store.View(s.record); err != nil {
			s.log.Error("measuring Auto Scaling groups", "error", err)
		}
	}
}

func (s *Service) record(tx *cloud.Tx) error {
	all, err := groups.ListAll(tx)
	for _, g := range all {
		s.metrics.Record(g.Region, g.data(s.now())...)
	}
	return err
}

// Aggregates tells which group an instance is in, and whether its measurements count in the group's: not before it has
// been in service for the group's default instance warm-up. The group is empty for an instance that is in none
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html).
func (s *Service) Aggregates(tx *cloud.Tx, region, instanceID string) (group string, counts bool, err error) {
	all, err := groups.List(tx, region)
	for _, g := range all {
		if m := g.member(instanceID); m != nil {
			warmup, _ := g.warmup()
			return g.Name, !m.warming(warmup, s.now()), nil
		}
	}
	return "", false, err
}

func namedMetrics(names []string) ([]string, error) {
	if len(names) == 0 {
		return groupMetrics, nil
	}
	for _, name := range names {
		if !slices.Contains(groupMetrics, name) {
			return nil, invalid("%s is not a valid metric type", name)
		}
	}
	return names, nil
}

// EnableMetricsCollection begins to publish metrics of the group, the first time at once.
func (s *Service) EnableMetricsCollection(ctx context.Context, in *autoscaling.EnableMetricsCollectionInput) (*autoscaling.EnableMetricsCollectionOutput, error) {
	names, err := namedMetrics(in.Metrics)
	if err != nil {
		return nil, err
	}
	if text(in.Granularity) != "1Minute" {
		return nil, invalid("%s is not a valid granularity; 1Minute is", text(in.Granularity))
	}
	var data []metric.Datum
	err = s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Metrics = union(g.Metrics, names)
		data = g.data(s.now())
		return nil
	})
	if err == nil {
		s.metrics.Record(cloud.RegionOf(ctx), data...)
	}
	return &autoscaling.EnableMetricsCollectionOutput{}, err
}

// DisableMetricsCollection ends the publication of metrics.
func (s *Service) DisableMetricsCollection(ctx context.Context, in *autoscaling.DisableMetricsCollectionInput) (*autoscaling.DisableMetricsCollectionOutput, error) {
	names, err := namedMetrics(in.Metrics)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DisableMetricsCollectionOutput{}, s.change(ctx, in.AutoScalingGroupName, func(_ *cloud.Tx, g *group) error {
		g.Metrics = slices.DeleteFunc(g.Metrics, func(m string) bool { return slices.Contains(names, m) })
		return nil
	})
}
