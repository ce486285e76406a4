package sns

import (
	"context"
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"haven/lab/cloud"
)

// Subscribe subscribes an endpoint, which is then asked to confirm. One that is subscribed already is returned.
func (s *Service) Subscribe(ctx context.Context, in *sns.SubscribeInput) (*sns.SubscribeOutput, error) {
	call := cloud.CallFrom(ctx)
	made := &subscription{
		Region: call.Region, UUID: cloud.NewUUID(), Protocol: *in.Protocol, Endpoint: aws.ToString(in.Endpoint), Principal: call.Principal.ARN,
		Token: cloud.RandomHex(256), Created: s.now(),
	}
	if err := made.check(); err != nil {
		return nil, err
	}
	if scope := in.Attributes["FilterPolicyScope"]; scope != "" { // by which the policy is read
		if err := made.set("FilterPolicyScope", scope); err != nil {
			return nil, err
		}
	}
	for name, value := range in.Attributes {
		if err := made.set(name, value); err != nil {
			return nil, err
		}
	}
	out := &sns.SubscribeOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, call.Region, *in.TopicArn)
		if err != nil {
			return err
		}
		made.Topic = t.Name
		own, err := subscriptionsOf(tx, call.Region, t.Name)
		if err != nil {
			return err
		}
		for _, one := range own {
			if one.Protocol == made.Protocol && one.Endpoint == made.Endpoint {
				return s.again(tx, one, made, in.ReturnSubscriptionArn, out)
			}
		}
		out.SubscriptionArn = made.shown(in.ReturnSubscriptionArn)
		if err := made.put(tx); err != nil {
			return err
		}
		return s.askToConfirm(tx, made)
	})
}

// again answers a subscription that is there: a pending one is asked again, a confirmed one must be wished the same.
func (s *Service) again(tx *cloud.Tx, one, wished *subscription, show bool, out *sns.SubscribeOutput) error {
	out.SubscriptionArn = one.shown(show)
	if one.Confirmed {
		if len(wished.Attributes) > 0 && !maps.Equal(wished.Attributes, one.Attributes) {
			return invalid("Attributes Reason: Subscription already exists with different attributes")
		}
		return nil
	}
	one.Token, one.Attributes, one.Created = wished.Token, wished.Attributes, wished.Created
	if err := one.put(tx); err != nil {
		return err
	}
	return s.askToConfirm(tx, one)
}

// shown returns the ARN of a subscription, or the words for one that is not confirmed.
func (s *subscription) shown(anyway bool) *string {
	if s.Confirmed || anyway {
		return aws.String(s.arn())
	}
	return aws.String("pending confirmation")
}

// check checks the protocol and its endpoint.
func (s *subscription) check() error {
	switch s.Protocol {
	case "http", "https":
		return s.checkURL()
	case "email", "email-json":
		address, err := mail.ParseAddress(s.Endpoint)
		if err != nil || address.Address != s.Endpoint || strings.ContainsAny(s.Endpoint, "/\\\x00") || strings.HasPrefix(s.Endpoint, ".") {
			return invalid("Endpoint Reason: %q is not an email address", s.Endpoint)
		}
		return nil
	case "sqs", "lambda", "sms", "application", "firehose":
		return unsupported("subscriptions of the protocol %s: it has http, https, email and email-json", s.Protocol)
	}
	return invalid("Protocol Reason: there is no protocol %q", s.Protocol)
}

func (s *subscription) checkURL() error {
	target, err := url.Parse(s.Endpoint)
	if err != nil || target.Host == "" {
		return invalid("Endpoint Reason: %q is not a URL", s.Endpoint)
	}
	if target.Scheme != s.Protocol {
		return invalid("Endpoint must match the specified protocol")
	}
	if port := target.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return invalid("Endpoint Reason: %q has no valid port", s.Endpoint)
		}
	}
	if address, err := netip.ParseAddr(target.Hostname()); err == nil && !reachable(address) {
		return invalid("Endpoint Reason: %s is outside of this machine; the lab delivers to loopback and to its own network only", address)
	}
	return nil
}

// ListSubscriptions lists the region's subscriptions.
func (s *Service) ListSubscriptions(ctx context.Context, in *sns.ListSubscriptionsInput) (*sns.ListSubscriptionsOutput, error) {
	out := &sns.ListSubscriptionsOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		all, err := subscriptions.List(tx, cloud.RegionOf(ctx))
		if err != nil {
			return err
		}
		out.Subscriptions, out.NextToken, err = listed(all, in.NextToken)
		return err
	})
}

// ListSubscriptionsByTopic lists a topic's subscriptions.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput) (*sns.ListSubscriptionsByTopicOutput, error) {
	out := &sns.ListSubscriptionsByTopicOutput{}
	region := cloud.RegionOf(ctx)
	return out, s.store.View(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, region, *in.TopicArn)
		if err != nil {
			return err
		}
		all, err := subscriptionsOf(tx, region, t.Name)
		if err != nil {
			return err
		}
		out.Subscriptions, out.NextToken, err = listed(all, in.NextToken)
		return err
	})
}

func listed(all []*subscription, token *string) ([]types.Subscription, *string, error) {
	rows, next, err := page(all, (*subscription).id, token)
	described := []types.Subscription{}
	for _, row := range rows {
		arn := row.arn()
		if !row.Confirmed {
			arn = pendingARN
		}
		described = append(described, types.Subscription{
			SubscriptionArn: &arn, TopicArn: aws.String(row.topicARN()), Owner: aws.String(cloud.Account), Protocol: &row.Protocol, Endpoint: &row.Endpoint,
		})
	}
	return described, next, err
}

// SetSubscriptionAttributes sets one attribute.
func (s *Service) SetSubscriptionAttributes(ctx context.Context, in *sns.SetSubscriptionAttributesInput) (*sns.SetSubscriptionAttributesOutput, error) {
	return &sns.SetSubscriptionAttributesOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		one, err := findSubscription(tx, cloud.RegionOf(ctx), *in.SubscriptionArn)
		if err != nil {
			return err
		}
		if err := one.set(*in.AttributeName, aws.ToString(in.AttributeValue)); err != nil {
			return err
		}
		return one.put(tx)
	})
}

// GetSubscriptionAttributes returns what was set, and what is so.
func (s *Service) GetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput) (*sns.GetSubscriptionAttributesOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &sns.GetSubscriptionAttributesOutput{Attributes: map[string]string{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		one, err := findSubscription(tx, region, *in.SubscriptionArn)
		if err != nil {
			return err
		}
		t, err := findTopic(tx, region, one.topicARN())
		if err != nil {
			return err
		}
		maps.Copy(out.Attributes, map[string]string{
			"SubscriptionArn": one.arn(), "TopicArn": t.arn(), "Owner": cloud.Account, "Protocol": one.Protocol, "Endpoint": one.Endpoint,
			"PendingConfirmation": strconv.FormatBool(!one.Confirmed), "ConfirmationWasAuthenticated": strconv.FormatBool(one.Authenticated),
			"RawMessageDelivery": "false", "SubscriptionPrincipal": one.Principal,
		})
		if strings.HasPrefix(one.Protocol, "http") {
			effective, err := one.delivery(t)
			if err != nil {
				return err
			}
			out.Attributes["EffectiveDeliveryPolicy"] = effective.SubscriptionJSON()
		}
		if one.Attributes["FilterPolicy"] != "" {
			out.Attributes["FilterPolicyScope"] = "MessageAttributes"
		}
		maps.Copy(out.Attributes, one.Attributes)
		return nil
	})
}
