package rds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

// Publisher is what RDS asks of SNS: that a topic be told.
type Publisher interface {
	PublishMessage(ctx context.Context, region, topicARN, subject, message string) error
}

const noticeSubject = "RDS Notification Message"

// greet tells a topic that it will be told, and so finds out whether it is there.
func (s *Service) greet(ctx context.Context, row *subscriptionRow) error {
	if s.publisher == nil {
		return cloud.Unsupportedf("SNSTopicArnNotFound", "event subscriptions: this lab runs without SNS")
	}
	text := fmt.Sprintf("This is a message to notify that RDS will attempt to send you event notifications of type %s to the topic %s.", or(optional(string(row.Source)), "all"), row.Topic)
	if err := s.publisher.PublishMessage(ctx, row.Region, row.Topic, noticeSubject, text); err != nil {
		return cloud.StatusErrorf(404, "SNSTopicArnNotFound", "The SNS topic %s can't be told: %v", row.Topic, err)
	}
	return nil
}

// notify puts down whom an event is to be told, in the transaction that records the event: a kill loses neither.
func notify(tx *cloud.Tx, region string, event *eventRow) error {
	all, err := subscriptions.List(tx, region)
	if err != nil {
		return err
	}
	for _, subscription := range all {
		if !subscription.wants(event) {
			continue
		}
		message, err := json.Marshal(noticeOf(event))
		if err != nil {
			return err
		}
		row := &noticeRow{ID: event.ID + "-" + subscription.Name, Region: region, Topic: subscription.Topic, Message: string(message)}
		if err := notices.Put(tx, region, row.ID, row); err != nil {
			return err
		}
	}
	return nil
}

func (s *subscriptionRow) wants(event *eventRow) bool {
	return s.Enabled && (s.Source == "" || s.Source == event.Source) &&
		(len(s.Sources) == 0 || slices.Contains(s.Sources, event.Identifier)) &&
		(len(s.Categories) == 0 || slices.ContainsFunc(event.Categories, func(c string) bool { return slices.Contains(s.Categories, c) }))
}

// notice is the message that RDS sends:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.overview.html
type notice struct {
	Source  types.SourceType  `json:"Event Source"`
	Time    string            `json:"Event Time"`
	Link    string            `json:"Identifier Link"`
	ID      string            `json:"Source ID"`
	ARN     string            `json:"Source ARN"`
	Event   string            `json:"Event ID"`
	Message string            `json:"Event Message"`
	Tags    map[string]string `json:"Tags"`
}

func noticeOf(event *eventRow) notice {
	kinds := map[types.SourceType]string{
		types.SourceTypeDbCluster: "dbclusters", types.SourceTypeDbInstance: "dbinstance", types.SourceTypeDbClusterSnapshot: "snapshot", types.SourceTypeDbParameterGroup: "parameter-group",
	}
	return notice{
		Source: event.Source, Time: event.At.Format("2006-01-02 15:04:05.000"), ID: event.Identifier, ARN: event.ARN, Message: event.Message,
		Link:  fmt.Sprintf("https://console.aws.amazon.com/rds/home?region=%s#%s:id=%s", event.region(), kinds[event.Source], event.Identifier),
		Event: "http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html#" + event.Code,
		Tags:  map[string]string{},
	}
}

// publishTries is how often a topic is told that can't be; then the notice is dropped, as RDS's are best effort.
const publishTries = 5

// publish tells topics what there is to tell, until the context ends.
func (s *Service) publish(ctx context.Context) {
	wake, stop := s.store.Watch(notices.Name())
	defer stop()
	failed := map[string]int{}
	for ctx.Err() == nil {
		var waiting []*noticeRow
		err := s.store.View(func(tx *cloud.Tx) (err error) {
			waiting, err = notices.ListAll(tx)
			return err
		})
		if err != nil {
			s.log.Error("reading notices of database events", "error", err)
		}
		for _, row := range waiting {
			s.publishOne(ctx, row, failed)
		}
		pause := time.Hour
		if len(failed) > 0 || err != nil {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(pause):
		}
	}
}

func (s *Service) publishOne(ctx context.Context, row *noticeRow, failed map[string]int) {
	err := s.publisher.PublishMessage(ctx, row.Region, row.Topic, noticeSubject, row.Message)
	if err != nil {
		if failed[row.ID]++; failed[row.ID] < publishTries {
			return
		}
		s.log.Error("telling a topic of a database event", "topic", row.Topic, "error", err)
	}
	delete(failed, row.ID)
	err = s.store.Update(func(tx *cloud.Tx) error { return notices.Delete(tx, row.Region, row.ID) })
	if err != nil {
		s.log.Error("forgetting a notice", "error", err)
	}
}

// chronicle tells the timeline what events were recorded since it was last asked.
func (s *Service) chronicle() error {
	if s.timeline == nil {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		all, err := events.ListAll(tx)
		for _, event := range all {
			if event.ID <= s.told[event.region()] {
				continue
			}
			s.told[event.region()] = event.ID
			line := timeline.Event{Time: event.At, Region: event.region(), Source: "rds", Subject: event.Identifier, Text: event.Message, Severity: event.Severity}
			if i, err := instances.Get(tx, event.region(), event.Identifier); err == nil && i != nil && event.Source == types.SourceTypeDbInstance {
				line.Zone = i.Zone
			}
			s.timeline(line)
		}
		return err
	})
}

// region is the one in the event's ARN.
func (e *eventRow) region() string { return regionOf(e.ARN) }
