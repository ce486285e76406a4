package cloudwatch

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// held is what holds back a composite alarm's actions
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html): its suppressor, the wait for
// it, or the time that it adds when it has ended.
type held struct {
	By    types.ActionsSuppressedBy
	Until time.Time // of a wait or an extension
	Old   types.StateValue
}

// suppressing tells whether an alarm's suppressor is in ALARM.
func (s *Service) suppressing(tx *cloud.Tx, row *alarm) (bool, error) {
	state, _, err := s.AlarmState(tx, row.Region, *row.Composite.ActionsSuppressor)
	return state == types.StateValueAlarm, err
}

// hold decides, when the alarm has just changed its state from another one, whether its actions are done at once.
func (a *alarm) hold(old types.StateValue, suppressing bool, now time.Time) (acts bool) {
	switch {
	case suppressing:
		a.Held = &held{By: types.ActionsSuppressedByAlarm, Old: old}
		return false
	case a.Held != nil && a.Held.By == types.ActionsSuppressedByExtensionPeriod:
		return false
	case a.Held != nil && a.Held.By == types.ActionsSuppressedByWaitPeriod:
		a.Held = nil // its alarm is over before anybody heard of it
		return false
	case a.Composite.StateValue == types.StateValueAlarm:
		a.Held = a.until(types.ActionsSuppressedByWaitPeriod, a.Composite.ActionsSuppressorWaitPeriod, old, now)
		return false
	}
	a.Held = nil
	return true
}

func (a *alarm) until(by types.ActionsSuppressedBy, seconds *int32, old types.StateValue, now time.Time) *held {
	return &held{By: by, Until: now.Add(time.Duration(aws.ToInt32(seconds)) * time.Second), Old: old}
}

// moveOn follows what holds back an alarm's actions as time goes by. It tells whether anything changed, and whether the
// actions of the present state are to be done now.
func (a *alarm) moveOn(suppressing bool, now time.Time) (changed, acts bool) {
	h := a.Held
	switch {
	case h == nil:
		return false, false
	case h.By == types.ActionsSuppressedByAlarm && !suppressing:
		a.Held = a.until(types.ActionsSuppressedByExtensionPeriod, a.Composite.ActionsSuppressorExtensionPeriod, h.Old, now)
		return true, false
	case h.By != types.ActionsSuppressedByAlarm && suppressing:
		a.Held = &held{By: types.ActionsSuppressedByAlarm, Old: h.Old}
		return true, false
	case h.By != types.ActionsSuppressedByAlarm && !now.Before(h.Until):
		a.Held = nil
		return true, a.Composite.StateValue == types.StateValueAlarm
	}
	return false, false
}

// release does, for a composite alarm that is held back, what has become due.
func (s *Service) release(tx *cloud.Tx, row *alarm) error {
	if row.Held == nil || row.Composite == nil || row.Composite.ActionsSuppressor == nil {
		return nil
	}
	old := row.Held.Old
	for {
		suppressing, err := s.suppressing(tx, row)
		if err != nil {
			return err
		}
		changed, acts := row.moveOn(suppressing, s.now())
		if acts {
			if err := s.enqueue(tx, row, old); err != nil {
				return err
			}
		}
		if !changed {
			return row.put(tx)
		}
	}
}
