package rds

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

// keepEvents is how long RDS shows events:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_ListEvents.html
const keepEvents = 14 * 24 * time.Hour

// note records an event, and what subscriptions have to be told of it.
func note(tx *cloud.Tx, region string, source types.SourceType, identifier, arn string, what happening, args ...any) error {
	at := time.Now().UTC()
	row := &eventRow{
		ID: at.Format("20060102150405.000000000") + "-" + cloud.RandomHex(4), Code: what.ID, Source: source, Identifier: identifier, ARN: arn,
		Message: fmt.Sprintf(what.Text, args...), Categories: []string{what.Category}, At: at, Severity: what.Severity,
	}
	if err := events.Put(tx, region, row.ID, row); err != nil {
		return err
	}
	return notify(tx, region, row)
}

func noteCluster(tx *cloud.Tx, c *clusterRow, what happening, args ...any) error {
	return note(tx, c.Region, types.SourceTypeDbCluster, c.Name, c.arn(), what, args...)
}

func noteInstance(tx *cloud.Tx, i *instanceRow, what happening, args ...any) error {
	return note(tx, i.Region, types.SourceTypeDbInstance, i.Name, i.arn(), what, args...)
}

// forgetEvents drops what is too old to be shown.
func forgetEvents(tx *cloud.Tx) error {
	for _, region := range cloud.Regions() {
		all, err := events.List(tx, region.Name)
		if err != nil {
			return err
		}
		for _, row := range all {
			if time.Since(row.At) < keepEvents {
				break // they are in the order of time
			}
			if err := events.Delete(tx, region.Name, row.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// DescribeEvents lists events of the last hour, or of the time asked for.
func (s *Service) DescribeEvents(ctx context.Context, in *rds.DescribeEventsInput) (*rds.DescribeEventsOutput, error) {
	if len(in.Filters) > 0 {
		return nil, cloud.Errorf("InvalidParameterValue", "Filters are not supported by DescribeEvents")
	}
	if in.SourceIdentifier != nil && in.SourceType == "" {
		return nil, cloud.Errorf("InvalidParameterCombination", "SourceType must be specified when SourceIdentifier is.")
	}
	from := time.Now().Add(-time.Duration(or(in.Duration, 60)) * time.Minute)
	if in.StartTime != nil {
		from = *in.StartTime
	}
	until := or(in.EndTime, time.Now())
	out := &rds.DescribeEventsOutput{Events: []types.Event{}}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := events.List(tx, region)
		if err != nil {
			return err
		}
		chosen := slices.DeleteFunc(slices.Clone(all), func(e *eventRow) bool {
			return e.At.Before(from) || e.At.After(until) || in.SourceType != "" && in.SourceType != e.Source ||
				in.SourceIdentifier != nil && nameOf(*in.SourceIdentifier) != e.Identifier ||
				len(in.EventCategories) > 0 && !slices.ContainsFunc(e.Categories, func(c string) bool { return slices.Contains(in.EventCategories, c) })
		})
		items, next, err := page(chosen, func(e *eventRow) string { return e.ID }, in.Marker, in.MaxRecords)
		out.Marker = next
		for _, e := range items {
			out.Events = append(out.Events, types.Event{
				SourceType: e.Source, SourceIdentifier: aws.String(e.Identifier), SourceArn: aws.String(e.ARN), Message: aws.String(e.Message),
				EventCategories: e.Categories, Date: aws.Time(e.At),
			})
		}
		return err
	})
}
