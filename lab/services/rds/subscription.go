package rds

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

func findSubscription(tx *cloud.Tx, region, reference string) (*subscriptionRow, error) {
	row, err := subscriptions.Get(tx, region, nameOf(reference))
	if err == nil && row == nil {
		err = cloud.StatusErrorf(404, "SubscriptionNotFound", "Event Subscription %s not found.", nameOf(reference))
	}
	return row, err
}

func (s *subscriptionRow) describe() *types.EventSubscription {
	return &types.EventSubscription{
		CustSubscriptionId: aws.String(s.Name), CustomerAwsId: aws.String(cloud.Account), EventSubscriptionArn: aws.String(s.arn()),
		SnsTopicArn: aws.String(s.Topic), Status: aws.String("active"), Enabled: aws.Bool(s.Enabled), SourceType: optional(string(s.Source)),
		SourceIdsList: s.Sources, EventCategoriesList: s.Categories, SubscriptionCreationTime: aws.String(s.Created.Format("2006-01-02 15:04:05.000")),
	}
}

// check checks the subscription by itself and that its sources exist.
func (s *subscriptionRow) check(tx *cloud.Tx) error {
	known, ok := categories[s.Source]
	switch {
	case s.Source != "" && !ok:
		return cloud.Unsupportedf("SourceNotFound", "event subscriptions to the source type %q; the lab has events of %s", s.Source, strings.Join(sourceTypes(), ", "))
	case s.Source == "" && len(s.Sources) > 0:
		return cloud.Errorf("InvalidParameterCombination", "SourceIds can be specified only with a SourceType.")
	}
	for _, category := range s.Categories {
		if s.Source != "" && !slices.Contains(known, category) {
			return cloud.StatusErrorf(404, "SubscriptionCategoryNotFound", "The event category %s does not exist for the source type %s.", category, s.Source)
		}
	}
	for _, id := range s.Sources {
		if err := findSource(tx, s.Region, s.Source, id); err != nil {
			return cloud.StatusErrorf(404, "SourceNotFound", "Could not find source: %s", id)
		}
	}
	return nil
}

func sourceTypes() []string {
	var names []string
	for source := range maps.Keys(categories) {
		names = append(names, string(source))
	}
	slices.Sort(names)
	return names
}

func findSource(tx *cloud.Tx, region string, source types.SourceType, id string) (err error) {
	switch source {
	case types.SourceTypeDbCluster:
		_, err = findCluster(tx, region, id)
	case types.SourceTypeDbInstance:
		_, err = findInstance(tx, region, id)
	case types.SourceTypeDbParameterGroup:
		_, err = instanceGroupKind.find(tx, region, id)
	case types.SourceTypeDbClusterSnapshot:
		_, err = findSnapshot(tx, region, id)
	}
	return err
}

// CreateEventSubscription has a topic told what happens. The topic gets a message at once, as from RDS.
func (s *Service) CreateEventSubscription(ctx context.Context, in *rds.CreateEventSubscriptionInput) (*rds.CreateEventSubscriptionOutput, error) {
	row := &subscriptionRow{
		Name: nameOf(aws.ToString(in.SubscriptionName)), Region: cloud.RegionOf(ctx), Created: time.Now().UTC(), Topic: aws.ToString(in.SnsTopicArn),
		Source: types.SourceType(aws.ToString(in.SourceType)), Sources: lower(in.SourceIds), Categories: in.EventCategories, Enabled: or(in.Enabled, true),
	}
	if err := checkIdentifier("SubscriptionName", row.Name); err != nil {
		return nil, err
	}
	if err := s.greet(ctx, row); err != nil {
		return nil, err
	}
	out := &rds.CreateEventSubscriptionOutput{EventSubscription: row.describe()}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if existing, err := subscriptions.Get(tx, region, row.Name); err != nil || existing != nil {
			return orExists(err, "SubscriptionAlreadyExist", "Event Subscription %s already exists.", row.Name)
		}
		if err := row.check(tx); err != nil {
			return err
		}
		if err := setTags(tx, region, row.arn(), in.Tags); err != nil {
			return err
		}
		return subscriptions.Put(tx, region, row.Name, row)
	})
}

func lower(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, nameOf(name))
	}
	return all
}

// ModifyEventSubscription changes a subscription; its sources have calls of their own.
func (s *Service) ModifyEventSubscription(ctx context.Context, in *rds.ModifyEventSubscriptionInput) (*rds.ModifyEventSubscriptionOutput, error) {
	if in.SnsTopicArn != nil {
		next := &subscriptionRow{Region: cloud.RegionOf(ctx), Topic: *in.SnsTopicArn, Source: types.SourceType(aws.ToString(in.SourceType))}
		if err := s.greet(ctx, next); err != nil {
			return nil, err
		}
	}
	described, err := s.changeSubscription(ctx, in.SubscriptionName, func(_ *cloud.Tx, row *subscriptionRow) error {
		row.Topic, row.Enabled = or(in.SnsTopicArn, row.Topic), or(in.Enabled, row.Enabled)
		if source := types.SourceType(or(in.SourceType, string(row.Source))); source != row.Source {
			row.Source, row.Sources, row.Categories = source, nil, nil
		}
		if in.EventCategories != nil {
			row.Categories = in.EventCategories
		}
		return nil
	})
	return &rds.ModifyEventSubscriptionOutput{EventSubscription: described}, err
}

// AddSourceIdentifierToSubscription adds a resource whose events are told.
func (s *Service) AddSourceIdentifierToSubscription(ctx context.Context, in *rds.AddSourceIdentifierToSubscriptionInput) (*rds.AddSourceIdentifierToSubscriptionOutput, error) {
	described, err := s.changeSubscription(ctx, in.SubscriptionName, func(_ *cloud.Tx, row *subscriptionRow) error {
		if id := nameOf(aws.ToString(in.SourceIdentifier)); !slices.Contains(row.Sources, id) {
			row.Sources = append(row.Sources, id)
		}
		return nil
	})
	return &rds.AddSourceIdentifierToSubscriptionOutput{EventSubscription: described}, err
}

// RemoveSourceIdentifierFromSubscription removes one.
func (s *Service) RemoveSourceIdentifierFromSubscription(ctx context.Context, in *rds.RemoveSourceIdentifierFromSubscriptionInput) (*rds.RemoveSourceIdentifierFromSubscriptionOutput, error) {
	described, err := s.changeSubscription(ctx, in.SubscriptionName, func(_ *cloud.Tx, row *subscriptionRow) error {
		id := nameOf(aws.ToString(in.SourceIdentifier))
		if !slices.Contains(row.Sources, id) {
			return cloud.StatusErrorf(404, "SourceNotFound", "Could not find source: %s", id)
		}
		row.Sources = slices.DeleteFunc(row.Sources, func(name string) bool { return name == id })
		return nil
	})
	return &rds.RemoveSourceIdentifierFromSubscriptionOutput{EventSubscription: described}, err
}

func (s *Service) changeSubscription(ctx context.Context, name *string, change func(tx *cloud.Tx, row *subscriptionRow) error) (out *types.EventSubscription, err error) {
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findSubscription(tx, region, aws.ToString(name))
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		if err := row.check(tx); err != nil {
			return err
		}
		out = row.describe()
		return subscriptions.Put(tx, region, row.Name, row)
	})
	return out, err
}

// DeleteEventSubscription ends a subscription.
func (s *Service) DeleteEventSubscription(ctx context.Context, in *rds.DeleteEventSubscriptionInput) (*rds.DeleteEventSubscriptionOutput, error) {
	out := &rds.DeleteEventSubscriptionOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findSubscription(tx, region, aws.ToString(in.SubscriptionName))
		if err != nil {
			return err
		}
		out.EventSubscription = row.describe()
		if err := tags.Delete(tx, region, row.arn()); err != nil {
			return err
		}
		return subscriptions.Delete(tx, region, row.Name)
	})
}

// DescribeEventSubscriptions lists subscriptions.
func (s *Service) DescribeEventSubscriptions(ctx context.Context, in *rds.DescribeEventSubscriptionsInput) (*rds.DescribeEventSubscriptionsOutput, error) {
	if err := refuse("DescribeEventSubscriptions", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeEventSubscriptionsOutput{EventSubscriptionsList: []types.EventSubscription{}}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := subscriptions.List(tx, region)
		if in.SubscriptionName != nil {
			var row *subscriptionRow
			row, err = findSubscription(tx, region, *in.SubscriptionName)
			all = []*subscriptionRow{row}
		}
		if err != nil {
			return err
		}
		items, next, err := page(all, func(row *subscriptionRow) string { return row.Name }, in.Marker, in.MaxRecords)
		out.Marker = next
		for _, row := range items {
			out.EventSubscriptionsList = append(out.EventSubscriptionsList, *row.describe())
		}
		return err
	})
}

// DescribeEventCategories lists what events can be subscribed to by.
func (s *Service) DescribeEventCategories(_ context.Context, in *rds.DescribeEventCategoriesInput) (*rds.DescribeEventCategoriesOutput, error) {
	if err := refuse("DescribeEventCategories", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeEventCategoriesOutput{EventCategoriesMapList: []types.EventCategoriesMap{}}
	for _, source := range sourceTypes() {
		if or(in.SourceType, source) == source {
			out.EventCategoriesMapList = append(out.EventCategoriesMapList, types.EventCategoriesMap{
				SourceType: aws.String(source), EventCategories: categories[types.SourceType(source)],
			})
		}
	}
	return out, nil
}
