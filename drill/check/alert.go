package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Told is a message that one receiver got.
type Told struct {
	Who     string
	Subject string
	At      time.Time
}

// EveryoneTold says that each of the receivers got a message whose subject begins so, no later than the limit after the cause. Messages
// from before it are about something else.
func EveryoneTold(messages []Told, receivers []string, subject string, cause time.Time, limit time.Duration) (found []Finding) {
	if len(receivers) == 0 {
		return []Finding{{Promise: ErrAlarm, Text: fmt.Sprintf("nobody is to be told %q", subject)}}
	}
	for _, who := range slices.Sorted(slices.Values(receivers)) {
		first := time.Time{}
		for _, m := range messages {
			if m.Who == who && strings.HasPrefix(m.Subject, subject) && !m.At.Before(cause) && (first.IsZero() || m.At.Before(first)) {
				first = m.At
			}
		}
		switch took := first.Sub(cause); {
		case first.IsZero():
			found = append(found, Finding{Promise: ErrAlarm, Text: fmt.Sprintf("%s was not told %q within %s", who, subject, limit)})
		case took > limit:
			found = append(found, Finding{Promise: ErrAlarm, Text: fmt.Sprintf("%s was told %q after %s, the limit is %s", who, subject, took.Round(time.Second), limit)})
		}
	}
	return found
}

// ActionsSucceeded says that an alarm acted, and that no action failed, by the summaries of its history.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AlarmHistoryItem.html
func ActionsSucceeded(alarm string, summaries []string) (found []Finding) {
	if len(summaries) == 0 {
		return []Finding{{Promise: ErrAlarm, Text: fmt.Sprintf("alarm %s did nothing", alarm)}}
	}
	for _, summary := range summaries {
		if !strings.HasPrefix(summary, "Successfully executed action") {
			found = append(found, Finding{Promise: ErrAlarm, Text: fmt.Sprintf("alarm %s: %s", alarm, summary)})
		}
	}
	return found
}
