package sns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"haven/lab/cloud"
)

// delivery is a message that one subscription is still to get.
type delivery struct {
	ID           string
	Region       string
	Subscription string // its id
	Message      message
	Attempts     int
	Next         time.Time
}

// Gone reports true: it is no resource.
func (d *delivery) Gone() bool { return true }

var deliveries = cloud.NewTable[delivery]("sns.deliveries")

// queue puts a message into the queue, in the transaction that causes it.
func (s *Service) queue(tx *cloud.Tx, one *subscription, m message) error {
	id := fmt.Sprintf("%020d-%s", m.At.UnixNano(), cloud.RandomHex(12))
	s.waiting.Add(1) // counted anew on each turn of Run
	return deliveries.Put(tx, one.Region, id, &delivery{ID: id, Region: one.Region, Subscription: one.id(), Message: m, Next: m.At})
}

const (
	parallel   = 16
	sweepEvery = time.Minute
)

// Run delivers what is queued, and again what failed, until the context ends.
func (s *Service) Run(ctx context.Context) error {
	wake, stop := s.store.Watch(deliveries.Name())
	defer stop()
	running, done := map[string]bool{}, make(chan string)
	slots := make(chan struct{}, parallel)
	swept := time.Time{}
	for {
		if s.now().Sub(swept) >= sweepEvery {
			if err := s.dropUnconfirmed(); err != nil {
				return err
			}
			swept = s.now()
		}
		due, next, err := s.due(running)
		if err != nil {
			return err
		}
		for _, d := range due {
			running[d.ID] = true
			go func() {
				slots <- struct{}{}
				s.deliver(ctx, d)
				<-slots
				select {
				case done <- d.ID:
				case <-ctx.Done():
				}
			}()
		}
		timer := time.NewTimer(max(next.Sub(s.now()), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case id := <-done:
			delete(running, id)
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due returns the deliveries to begin now, as many as can run, and when to look again.
func (s *Service) due(running map[string]bool) (now []*delivery, next time.Time, err error) {
	next = s.now().Add(sweepEvery)
	err = s.store.View(func(tx *cloud.Tx) error {
		all, err := deliveries.ListAll(tx)
		s.waiting.Store(int64(len(all)))
		for _, d := range all {
			switch {
			case running[d.ID]:
			case !d.Next.After(s.now()):
				if len(now)+len(running) < 4*parallel {
					now = append(now, d)
				}
			case d.Next.Before(next):
				next = d.Next
			}
		}
		return err
	})
	return now, next, err
}

// errPermanent marks a failure that another attempt does not mend.
var errPermanent = errors.New("not tried again")

// deliver tries once, and notes the outcome.
func (s *Service) deliver(ctx context.Context, d *delivery) {
	one, t, err := s.recipient(d)
	if err == nil && one != nil {
		err = s.hand(ctx, one, t, d.Message)
	}
	if ctx.Err() != nil {
		return // it stays in the queue, for the next start of the lab
	}
	if noted := s.note(d, one, t, err); noted != nil {
		s.log.Error("a delivery could not be noted; it may be made again", "delivery", d.ID, "error", noted)
	}
}

// recipient returns the subscription and its topic as they are now; nil: it is gone, or does not want the message any more.
func (s *Service) recipient(d *delivery) (one *subscription, t *topic, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := subscriptions.Get(tx, d.Region, d.Subscription)
		if err != nil || found == nil || found.Confirmed != (d.Message.Kind == notification) {
			return err
		}
		one = found
		t, err = topics.Get(tx, d.Region, found.Topic)
		return err
	})
	if t == nil {
		one = nil
	}
	return one, t, err
}

func (s *Service) hand(ctx context.Context, one *subscription, t *topic, m message) error {
	if one.Protocol == "email" || one.Protocol == "email-json" {
		return s.mail(one, t, m)
	}
	return s.post(ctx, one, t, m)
}

// note takes a delivery from the queue, or puts off the next attempt.
func (s *Service) note(d *delivery, one *subscription, t *topic, failure error) error {
	again := time.Time{}
	if failure != nil && one != nil && !errors.Is(failure, errPermanent) {
		if effective, err := one.delivery(t); err == nil {
			if delays := effective.Retry.Delays(); d.Attempts < len(delays) {
				again = s.now().Add(delays[d.Attempts] + time.Duration(rand.Int64N(int64(10*time.Millisecond))))
			}
		}
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		if again.IsZero() {
			return deliveries.Delete(tx, d.Region, d.ID)
		}
		later := *d
		later.Attempts, later.Next = d.Attempts+1, again
		return deliveries.Put(tx, d.Region, d.ID, &later)
	})
	switch {
	case err != nil || one == nil:
	case failure == nil && d.Message.Kind == notification:
		s.measure(d.Region, one.Topic, "NumberOfNotificationsDelivered", "Count", 1)
	case failure != nil && again.IsZero():
		s.giveUp(d, one, failure)
	}
	return err
}

// giveUp tells that a message will not reach its endpoint.
func (s *Service) giveUp(d *delivery, one *subscription, failure error) {
	s.log.Warn("SNS gave up a message", "subscription", one.arn(), "endpoint", one.Endpoint, "message", d.Message.ID, "kind", d.Message.Kind,
		"attempts", d.Attempts+1, "error", failure)
	s.measure(d.Region, one.Topic, "NumberOfNotificationsFailed", "Count", 1)
	s.given(Failure{d.Region, one.Topic, one.Protocol, one.Endpoint, failure.Error()})
}
