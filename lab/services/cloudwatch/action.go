package cloudwatch

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// Action is what an alarm has done when it changes its state.
type Action struct {
	Region     string
	AlarmName  string
	AlarmARN   string
	ActionARN  string
	Old, New   types.StateValue
	Reason     string
	Value      float64   // the newest breaching datapoint
	Breaching  []float64 // all breaching datapoints of the evaluated periods, oldest first
	Threshold  float64
	At         time.Time
	Dimensions map[string]string // of the alarm's metric
	Subject    string            // of the message
	Message    []byte            // the JSON that AWS sends to SNS
}

// Handler carries out actions. One that fails is tried again a few times; one may come twice.
type Handler func(ctx context.Context, a Action) error

// OnAction has the actions whose ARNs are of a service ("sns", "autoscaling", "ec2") carried out. Register before Run.
func (s *Service) OnAction(service string, do func(ctx context.Context, a Action) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[service] = do
}

// queued is an action that is still to be done.
type queued struct {
	ID       string
	Action   Action
	Attempts int
	Next     time.Time
}

// Gone reports true: it is no resource.
func (q *queued) Gone() bool { return true }

var queue = cloud.NewTable[queued]("cloudwatch.actions")

const (
	actionTimeout  = 30 * time.Second
	actionAttempts = 4
	parallel       = 8
)

// pauseAfter returns how long to wait after so many attempts.
func pauseAfter(attempts int) time.Duration { return time.Duration(1<<(2*attempts)) * time.Second } // 4 s, 16 s, 64 s

// enqueue puts the actions of an alarm's new state into the queue.
func (s *Service) enqueue(tx *cloud.Tx, row *alarm, old types.StateValue) error {
	is := row.common()
	if !is.enabled {
		return nil
	}
	for _, action := range row.actionsNow(old, s.now()) {
		id := fmt.Sprintf("%020d-%s", s.now().UnixNano(), cloud.RandomHex(8))
		if err := queue.Put(tx, row.Region, id, &queued{ID: id, Action: action, Next: s.now()}); err != nil {
			return err
		}
	}
	return nil
}

// actionsNow returns the actions of an alarm's present state.
func (a *alarm) actionsNow(old types.StateValue, at time.Time) (all []Action) {
	is := a.common()
	for _, arn := range is.actions(is.state) {
		action := Action{
			Region: a.Region, AlarmName: is.name, AlarmARN: is.arn, ActionARN: arn, Old: old, New: is.state, Value: a.Newest, Breaching: a.Breaching, At: at,
			Subject: subject(a), Message: message(a, old),
		}
		if is.reason != nil {
			action.Reason = *is.reason
		}
		if m := a.Metric; m != nil {
			action.Threshold, action.Dimensions = *m.Threshold, map[string]string{}
			for _, d := range m.Dimensions {
				action.Dimensions[*d.Name] = *d.Value
			}
		}
		all = append(all, action)
	}
	return all
}

// act carries out actions as they come, and again those that failed.
func (s *Service) act(ctx context.Context) error {
	wake, stop := s.store.Watch(queue.Name())
	defer stop()
	slots, running := make(chan struct{}, parallel), map[string]bool{}
	done := make(chan string)
	for {
		due, next, err := s.due(running)
		if err != nil {
			return err
		}
		for _, q := range due {
			running[q.ID] = true
			go func() {
				slots <- struct{}{}
				s.do(ctx, q)
				<-slots
				select {
				case done <- q.ID:
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

// due returns the actions to begin now, and when the next are due.
func (s *Service) due(running map[string]bool) (now []*queued, next time.Time, err error) {
	next = s.now().Add(time.Minute)
	err = s.store.View(func(tx *cloud.Tx) error {
		all, err := queue.ListAll(tx)
		for _, q := range all {
			switch {
			case running[q.ID]:
			case !q.Next.After(s.now()):
				now = append(now, q)
			case q.Next.Before(next):
				next = q.Next
			}
		}
		return err
	})
	return now, next, err
}

// do carries out an action and notes the outcome.
func (s *Service) do(ctx context.Context, q *queued) {
	failure := s.call(ctx, q.Action)
	if ctx.Err() != nil {
		return // it stays in the queue, for the next start of the lab
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		kept, err := queue.Get(tx, q.Action.Region, q.ID)
		if err != nil || kept == nil {
			return err
		}
		if kept.Attempts++; failure != nil && kept.Attempts < actionAttempts {
			kept.Next = s.now().Add(pauseAfter(kept.Attempts))
			return queue.Put(tx, q.Action.Region, q.ID, kept)
		}
		if err := queue.Delete(tx, q.Action.Region, q.ID); err != nil {
			return err
		}
		row, err := alarms.Get(tx, q.Action.Region, q.Action.AlarmName)
		if err != nil || row == nil {
			return err
		}
		return s.note(tx, row, outcome(q.Action, failure), s.now())
	})
	if err != nil {
		s.log.Error("an alarm's action could not be noted; it may be done again", "alarm", q.Action.AlarmARN, "action", q.Action.ActionARN, "error", err)
	}
}

func (s *Service) call(ctx context.Context, a Action) (err error) {
	s.mu.Lock()
	handler := s.handlers[actionService(a.ActionARN)]
	s.mu.Unlock()
	if handler == nil {
		return fmt.Errorf("nothing in the lab carries out the action %s", a.ActionARN)
	}
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the action panicked: %v", reason)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("an alarm's action failed", "alarm", a.AlarmARN, "action", a.ActionARN, "error", err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, actionTimeout)
	defer cancel()
	return handler(ctx, a)
}

func outcome(a Action, failure error) event {
	data := map[string]any{"actionState": "Succeeded", "stateUpdateTimestamp": a.At.UnixMilli(), "notificationResource": a.ActionARN}
	summary := "Successfully executed action " + a.ActionARN
	if failure != nil {
		data["actionState"], data["error"] = "Failed", failure.Error()
		summary = fmt.Sprintf("Failed to execute action %s. Received error: %q", a.ActionARN, failure.Error())
	}
	return event{Item: types.HistoryItemTypeAction, Summary: summary, Data: toJSON(data)}
}

// repeating tells whether an alarm has actions that are done again each minute that it stays in its state: scaling
// policies (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html).
func (a *alarm) repeating() bool {
	is := a.common()
	for _, arn := range is.actions(is.state) {
		if is.enabled && actionService(arn) == "autoscaling" {
			return true
		}
	}
	return false
}

// repeat does an alarm's scaling actions again. One that fails is done again in a minute anyway.
func (s *Service) repeat(row *alarm) {
	if !row.repeating() {
		return
	}
	for _, action := range row.actionsNow(row.common().state, s.now()) {
		if actionService(action.ActionARN) == "autoscaling" {
			go s.call(context.Background(), action) // it is bounded in time, and its failure is in the log
		}
	}
}
