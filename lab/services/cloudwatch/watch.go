package cloudwatch

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/rule"
)

const (
	// fineTick is how often alarms of high resolution are evaluated; others are each minute.
	fineTick = 10 * time.Second
	// grace is how long after a period's end it is evaluated: what was measured in it may still be on its way.
	grace = 2 * time.Second
)

// evaluated remembers that an alarm was evaluated for a window, so that it is once.
type evaluated struct {
	configured time.Time
	end        time.Time
	repeated   time.Time // when actions that repeat were last done
}

// watchAlarms evaluates alarms: at the end of each window, and at once when they are new or another alarm changed.
func (s *Service) watchAlarms(ctx context.Context) error {
	wake, stop := s.store.Watch(alarms.Name())
	defer stop()
	for {
		next, err := s.evaluateAll()
		if err != nil {
			return err
		}
		timer := time.NewTimer(max(next.Sub(s.now()), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// windowEnd returns where the newest window of an alarm of a period ends, in UTC.
func windowEnd(now time.Time, period int32) time.Time {
	width := time.Minute
	if period < 60 {
		width = fineTick
	}
	return now.Add(-grace).Truncate(width).UTC()
}

// evaluateAll evaluates each alarm that is due, and returns when the next is.
func (s *Service) evaluateAll() (next time.Time, err error) {
	s.evaluating.Lock()
	defer s.evaluating.Unlock()
	now := s.now()
	next = windowEnd(now, 10).Add(fineTick + grace)
	var all []*alarm
	if err := s.store.View(func(tx *cloud.Tx) (err error) {
		all, err = alarms.ListAll(tx)
		return err
	}); err != nil {
		return next, err
	}
	present := map[string]bool{}
	for _, row := range all {
		present[row.common().arn] = true
		if row.Metric == nil {
			continue
		}
		if err := s.evaluateDue(row, now); err != nil {
			s.log.Error("an alarm could not be evaluated", "alarm", row.common().arn, "error", err)
		}
	}
	s.forgetSeen(present)
	due, err := s.evaluateComposites(all)
	if !due.IsZero() && due.Before(next) {
		next = due
	}
	return next, err
}

// evaluateDue evaluates an alarm unless that was done for this window.
func (s *Service) evaluateDue(row *alarm, now time.Time) error {
	period, err := row.period()
	if err != nil {
		return err
	}
	this := evaluated{configured: *row.Metric.AlarmConfigurationUpdatedTimestamp, end: windowEnd(now, period)}
	s.mu.Lock()
	last := s.seen[*row.Metric.AlarmArn]
	s.mu.Unlock()
	if last.end.Equal(this.end) && last.configured.Equal(this.configured) {
		return nil
	}
	repeats, err := s.evaluate(row, this.end)
	if err != nil {
		return err
	}
	this.repeated = last.repeated
	if repeats && now.Sub(last.repeated) > time.Minute-fineTick/2 {
		this.repeated = now
		s.repeat(row)
	}
	s.mu.Lock()
	s.seen[*row.Metric.AlarmArn] = this
	s.mu.Unlock()
	return nil
}

// period returns an alarm's period in seconds.
func (a *alarm) period() (int32, error) {
	if len(a.Metric.Metrics) == 0 {
		return aws.ToInt32(a.Metric.Period), nil
	}
	plan, err := newPlan(a.Metric.Metrics)
	if err != nil {
		return 0, err
	}
	return plan.period(), nil
}

func (s *Service) forgetSeen(present map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for arn := range s.seen {
		if !present[arn] {
			delete(s.seen, arn)
		}
	}
}

// evaluateComposites evaluates the alarms that stand on others until none changes any more, and returns when one that is
// held back is due next.
func (s *Service) evaluateComposites(all []*alarm) (due time.Time, err error) {
	var names []*alarm
	for _, row := range all {
		if row.Composite != nil {
			names = append(names, row)
		}
	}
	for range len(names) + 1 {
		changed := false
		for _, row := range names {
			now, until, err := s.evaluateComposite(row)
			if err != nil {
				return due, err
			}
			changed = changed || now
			if !until.IsZero() && (due.IsZero() || until.Before(due)) {
				due = until
			}
		}
		if !changed {
			break
		}
	}
	return due, nil
}

// evaluateComposite evaluates one; without a need it writes nothing.
func (s *Service) evaluateComposite(seen *alarm) (changed bool, until time.Time, err error) {
	needed := false
	err = s.store.View(func(tx *cloud.Tx) error {
		row, err := alarms.Get(tx, seen.Region, *seen.Composite.AlarmName)
		if err != nil || row == nil || row.Composite == nil {
			return err
		}
		if row.Held != nil {
			needed = true
			return nil
		}
		state, _, err := decideComposite(tx, row)
		needed = state != row.Composite.StateValue
		return err
	})
	if err != nil || !needed {
		return false, until, err
	}
	err = s.store.Update(func(tx *cloud.Tx) error {
		row, err := alarms.Get(tx, seen.Region, *seen.Composite.AlarmName)
		if err != nil || row == nil || row.Composite == nil {
			return err
		}
		state, deciding, err := decideComposite(tx, row)
		if err != nil {
			return err
		}
		if state != row.Composite.StateValue {
			changed = true
			if err := s.transition(tx, row, state, compositeReason(row.Composite, state, deciding), triggering(deciding)); err != nil {
				return err
			}
		}
		if err := s.release(tx, row); err != nil {
			return err
		}
		if row.Held != nil {
			until = row.Held.Until
		}
		return nil
	})
	return changed, until, err
}

// decideComposite returns the state that a rule gives, and the alarms that decided it.
func decideComposite(tx *cloud.Tx, row *alarm) (state types.StateValue, deciding []*alarm, err error) {
	parsed, err := rule.Parse(*row.Composite.AlarmRule)
	if err != nil {
		return "", nil, err
	}
	children := map[string]*alarm{}
	for _, name := range parsed.Alarms() {
		if children[name], err = find(tx, row.Region, name); err != nil {
			return "", nil, err
		}
	}
	states := func(name string) types.StateValue {
		if child := children[name]; child != nil {
			return child.common().state
		}
		return types.StateValueInsufficientData
	}
	state = types.StateValueOk
	names := parsed.Alarms()
	if parsed.Holds(states) {
		state = types.StateValueAlarm
		names = parsed.Deciding(states)
	}
	for _, name := range names {
		if child := children[name]; child != nil {
			deciding = append(deciding, child)
		}
	}
	return state, deciding, nil
}

func triggering(deciding []*alarm) string {
	type state struct {
		Value     types.StateValue `json:"value"`
		Timestamp string           `json:"timestamp"`
	}
	type child struct {
		ARN   string `json:"arn"`
		State state  `json:"state"`
	}
	all := []child{}
	for _, row := range deciding {
		is := row.common()
		all = append(all, child{is.arn, state{is.state, is.updated.UTC().Format(timeFormat)}})
	}
	return toJSON(map[string]any{"triggeringAlarms": all})
}
