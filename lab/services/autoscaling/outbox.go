package autoscaling

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"haven/lab/cloud"
)

const (
	mostTries  = 5
	triesPause = 2 * time.Second
)

// letter is a message that waits to be published: it is written down together with what it tells of, so that neither a
// killed lab nor a topic that is slow loses it.
type letter struct {
	Key     string
	Region  string
	Topic   string
	Subject string
	Message string
	Tries   int
	Next    time.Time
}

// Gone is always true: a message on its way is no resource.
func (*letter) Gone() bool { return true }

var outbox = cloud.NewTable[letter]("autoscaling.outbox")

// post puts a message for a topic into the outbox.
func post(tx *cloud.Tx, region, topic, subject string, message any, now time.Time) error {
	told, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("writing a notification: %w", err)
	}
	l := &letter{Region: region, Topic: topic, Subject: subject, Message: string(told), Next: now.UTC(), Key: fmt.Sprintf("%020d-%s", now.UnixNano(), cloud.NewUUID())}
	return outbox.Put(tx, region, l.Key, l)
}

// notify tells the group's topics that asked for this kind of event of an activity.
func notify(tx *cloud.Tx, g *group, event string, a *activity, now time.Time) error {
	all, err := notifications.ListPrefix(tx, g.Region, g.Name+"/")
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.Kind != event {
			continue
		}
		if err := post(tx, g.Region, n.Topic, fmt.Sprintf(subjects[event], g.Name), messageOf(g, event, a, now), now); err != nil {
			return err
		}
	}
	return nil
}

// notifyHook tells a hook's topic that an instance waits for it.
func notifyHook(tx *cloud.Tx, g *group, h hook, instance, token string, now time.Time) error {
	if h.Target == "" {
		return nil
	}
	subject, message := hookMessageOf(g, h, instance, token, now)
	return post(tx, g.Region, h.Target, subject, message, now)
}

// publish empties the outbox, oldest message first, until the context ends.
func (s *Service) publish(ctx context.Context) {
	wake, stop := s.store.Watch(outbox.Name())
	defer stop()
	tick := time.NewTicker(triesPause)
	defer tick.Stop()
	for {
		if err := s.publishDue(ctx); err != nil {
			s.log.Error("publishing notifications of Auto Scaling", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
	}
}

func (s *Service) publishDue(ctx context.Context) error {
	var due []*letter
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := outbox.ListAll(tx)
		for _, l := range all {
			if !l.Next.After(s.now()) {
				due = append(due, l)
			}
		}
		return err
	})
	if err != nil || s.notifier == nil {
		return err
	}
	for _, l := range due {
		failure := s.notifier.PublishMessage(ctx, l.Region, l.Topic, l.Subject, l.Message)
		if err := s.settleLetter(*l, failure); err != nil {
			return err
		}
	}
	return nil
}

// settleLetter takes a published message out, and one that failed too often; others are tried again.
func (s *Service) settleLetter(l letter, failure error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		if l.Tries++; failure == nil || l.Tries >= mostTries {
			if failure != nil {
				s.log.Warn("a notification was not taken", "topic", l.Topic, "subject", l.Subject, "tries", l.Tries, "error", failure)
			}
			return outbox.Delete(tx, l.Region, l.Key)
		}
		l.Next = s.now().Add(triesPause).UTC()
		return outbox.Put(tx, l.Region, l.Key, &l)
	})
}

// test publishes a test message to a topic that a group is given.
func (s *Service) test(ctx context.Context, name, topic string) error {
	var g *group
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		g, err = find(tx, cloud.RegionOf(ctx), name)
		return err
	})
	if err != nil {
		return err
	}
	return s.testTopic(ctx, g, topic)
}

// testTopic publishes a test message, as AWS does; a topic that does not take it is refused. No topic is no error.
func (s *Service) testTopic(ctx context.Context, g *group, topic string) error {
	switch {
	case topic == "":
		return nil
	case !strings.HasPrefix(topic, "arn:"+cloud.Partition+":sns:"):
		return unsupported("the notification target " + topic + "; topics of SNS are")
	case s.notifier == nil:
		return unsupported("notifications, because this lab runs without SNS")
	}
	message, err := json.Marshal(headerOf(g, testEvent, cloud.NewUUID(), s.now()))
	if err != nil {
		return fmt.Errorf("writing a test notification: %w", err)
	}
	if err := s.notifier.PublishMessage(ctx, g.Region, topic, fmt.Sprintf(subjects[testEvent], g.Name), string(message)); err != nil {
		return invalid("Unable to publish test message to notification target %s. Please check your target and role configuration and try to put again: %v", topic, err)
	}
	return nil
}
