package scenario

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"haven/drill/budget"
	"haven/drill/check"
	"haven/drill/target"
)

// pending is what SNS shows instead of an ARN until a subscription is confirmed.
// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
const pending = "PendingConfirmation"

var confirmationToken = regexp.MustCompile(`[?&]Token=([0-9a-f]+)`)

// stewardsConfirmed sees that every declared steward is subscribed. Where the drill can look into their mailboxes it opens the link of
// the first message, as they would.
func (s Stage) stewardsConfirmed(ctx context.Context) error {
	m := s.Outputs.Monitoring
	if len(m.Stewards) == 0 {
		return errors.New("the stack declares no steward; type: pulumi config set --path 'haven:stewards[0]' ADDRESS, then pulumi up")
	}
	confirmed := map[string]bool{}
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(s.Config), &sns.ListSubscriptionsByTopicInput{TopicArn: &m.Topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing who is told: %w", err)
		}
		for _, one := range page.Subscriptions {
			confirmed[aws.ToString(one.Endpoint)] = aws.ToString(one.SubscriptionArn) != pending
		}
	}
	for _, who := range m.Stewards {
		subscribed, known := confirmed[who]
		switch {
		case !known:
			return fmt.Errorf("%s is not subscribed to %s: AWS forgets subscriptions that nobody confirms; type: pulumi up --refresh", who, m.Topic)
		case !subscribed && s.Mailbox == nil:
			return fmt.Errorf("%s has not confirmed the subscription to %s: open the link in the message from AWS Notifications", who, m.Topic)
		case !subscribed:
			if err := s.confirm(ctx, who); err != nil {
				return fmt.Errorf("confirming the subscription of %s: %w", who, err)
			}
		}
	}
	return nil
}

// confirm opens the newest confirmation's link.
func (s Stage) confirm(ctx context.Context, who string) error {
	topic := s.Outputs.Monitoring.Topic
	return target.Await(ctx, "the message to confirm by", time.Minute, func(ctx context.Context) error {
		alerts, err := s.Mailbox.Since(ctx, time.Time{})
		if err != nil {
			return err
		}
		slices.SortFunc(alerts, func(a, b target.Alert) int { return b.At.Compare(a.At) })
		for _, alert := range alerts {
			token := confirmationToken.FindStringSubmatch(alert.Text)
			if alert.To != who || alert.Topic != topic || token == nil {
				continue
			}
			_, err := sns.NewFromConfig(s.Config).ConfirmSubscription(ctx, &sns.ConfirmSubscriptionInput{TopicArn: &topic, Token: &token[1]})
			return err
		}
		return fmt.Errorf("there is none among %d messages", len(alerts))
	})
}

// toldOfAlarm says that everyone was told of an alarm's state, where that can be seen; elsewhere, that CloudWatch could publish it.
func (s Stage) toldOfAlarm(ctx context.Context, alarm string, state cwtypes.StateValue, since time.Time, limit, look time.Duration) ([]check.Finding, error) {
	if s.Mailbox != nil {
		if state == cwtypes.StateValueOk {
			at, err := s.changed(ctx, alarm, state, since)
			if err != nil {
				return []check.Finding{{Promise: check.ErrAlarm, Text: fmt.Sprintf("alarm %s: %v", alarm, err)}}, nil
			}
			since, limit = at.Add(-clockSkew), budget.Delivery().Total()
		}
		return s.told(ctx, fmt.Sprintf("%s: %q", state, alarm), since, limit, look)
	}
	out, err := cloudwatch.NewFromConfig(s.Config).DescribeAlarmHistory(ctx, &cloudwatch.DescribeAlarmHistoryInput{
		AlarmName: &alarm, HistoryItemType: cwtypes.HistoryItemTypeAction, StartDate: aws.Time(since.Add(-clockSkew)),
	})
	if err != nil {
		return nil, err
	}
	return check.ActionsSucceeded(alarm, summaries(out.AlarmHistoryItems)), nil
}

func summaries(items []cwtypes.AlarmHistoryItem) (all []string) {
	for _, item := range items {
		all = append(all, aws.ToString(item.HistorySummary))
	}
	return all
}

// told looks until every steward has a message whose subject begins so, or the time to look is over, and judges when each got it.
func (s Stage) told(ctx context.Context, subject string, since time.Time, limit, look time.Duration) (found []check.Finding, err error) {
	stewards := s.Outputs.Monitoring.Stewards
	late := target.Await(ctx, "every steward to be told", max(look, time.Second), func(ctx context.Context) error {
		alerts, err := s.Mailbox.Since(ctx, since)
		if err != nil {
			return err
		}
		var messages []check.Told
		for _, alert := range alerts {
			if alert.Topic == s.Outputs.Monitoring.Topic {
				messages = append(messages, check.Told{Who: alert.To, Subject: alert.Subject, At: alert.At})
			}
		}
		if found = check.EveryoneTold(messages, stewards, subject, since, limit); len(found) > 0 {
			return found[0]
		}
		return nil
	})
	if late != nil && found == nil {
		return nil, late // it could not look
	}
	return found, nil
}
