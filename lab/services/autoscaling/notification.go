package autoscaling

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// notification is one kind of event that a group tells a topic of.
type notification struct{ Group, Topic, Kind string }

var notifications = cloud.NewTable[notification]("autoscaling.notifications")

func (n *notification) key() string { return n.Group + "/" + n.Topic + "/" + n.Kind }

// PutNotificationConfiguration sets what a topic is told of a group, replacing what it was told before; the topic gets a
// test message.
func (s *Service) PutNotificationConfiguration(ctx context.Context, in *autoscaling.PutNotificationConfigurationInput) (*autoscaling.PutNotificationConfigurationOutput, error) {
	for _, kind := range in.NotificationTypes {
		if !slices.Contains(notificationKinds, kind) {
			return nil, invalid("Notification type %s is not one of %v", kind, notificationKinds)
		}
	}
	region, name, topic := cloud.RegionOf(ctx), text(in.AutoScalingGroupName), text(in.TopicARN)
	if err := s.test(ctx, name, topic); err != nil {
		return nil, err
	}
	return &autoscaling.PutNotificationConfigurationOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		if _, err := find(tx, region, name); err != nil {
			return err
		}
		if err := dropAll(notifications, tx, region, name+"/"+topic+"/", (*notification).key); err != nil {
			return err
		}
		for _, kind := range in.NotificationTypes {
			row := &notification{name, topic, kind}
			if err := notifications.Put(tx, region, row.key(), row); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteNotificationConfiguration ends what a topic is told of a group.
func (s *Service) DeleteNotificationConfiguration(ctx context.Context, in *autoscaling.DeleteNotificationConfigurationInput) (*autoscaling.DeleteNotificationConfigurationOutput, error) {
	region, name, topic := cloud.RegionOf(ctx), text(in.AutoScalingGroupName), text(in.TopicARN)
	return &autoscaling.DeleteNotificationConfigurationOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		return dropAll(notifications, tx, region, name+"/"+topic+"/", (*notification).key)
	})
}

// DescribeNotificationConfigurations lists what topics are told, by group or all.
func (s *Service) DescribeNotificationConfigurations(ctx context.Context, in *autoscaling.DescribeNotificationConfigurationsInput) (*autoscaling.DescribeNotificationConfigurationsOutput, error) {
	out := &autoscaling.DescribeNotificationConfigurationsOutput{NotificationConfigurations: []types.NotificationConfiguration{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := notifications.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(n *notification) bool {
			return len(in.AutoScalingGroupNames) > 0 && !slices.Contains(in.AutoScalingGroupNames, n.Group)
		})
		page, next, err := paged(all, (*notification).key, in.NextToken, in.MaxRecords, 50)
		for _, n := range page {
			out.NotificationConfigurations = append(out.NotificationConfigurations, types.NotificationConfiguration{
				AutoScalingGroupName: aws.String(n.Group), TopicARN: aws.String(n.Topic), NotificationType: aws.String(n.Kind)})
		}
		out.NextToken = next
		return err
	})
}

// dropAll deletes the rows whose keys begin with a prefix.
func dropAll[Row any](table cloud.Table[Row], tx *cloud.Tx, region, prefix string, key func(*Row) string) error {
	all, err := table.ListPrefix(tx, region, prefix)
	if err != nil {
		return err
	}
	for _, row := range all {
		if err := table.Delete(tx, region, key(row)); err != nil {
			return err
		}
	}
	return nil
}
