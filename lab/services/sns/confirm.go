package sns

import (
	"context"
	"crypto/subtle"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"haven/lab/cloud"
)

// ConfirmSubscription confirms a subscription by the token that its endpoint was sent. Endpoints do so without a
// signature, by the link in that message.
func (s *Service) ConfirmSubscription(ctx context.Context, in *sns.ConfirmSubscriptionInput) (*sns.ConfirmSubscriptionOutput, error) {
	call := cloud.CallFrom(ctx)
	signed := !call.Principal.Anonymous
	if aws.ToString(in.AuthenticateOnUnsubscribe) == "true" && !signed {
		return nil, cloud.StatusErrorf(403, "AuthorizationError", "AuthenticateOnUnsubscribe needs a signed request.")
	}
	out := &sns.ConfirmSubscriptionOutput{}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, call.Region, *in.TopicArn)
		if err != nil {
			return err
		}
		own, err := subscriptionsOf(tx, call.Region, t.Name)
		if err != nil {
			return err
		}
		for _, one := range own {
			if subtle.ConstantTimeCompare([]byte(one.Token), []byte(*in.Token)) != 1 {
				continue
			}
			if !one.Confirmed && s.now().Sub(one.Created) > confirmWithin {
				break
			}
			out.SubscriptionArn = aws.String(one.arn())
			if one.Confirmed {
				return nil
			}
			one.Confirmed, one.Authenticated = true, signed
			one.Guarded = aws.ToString(in.AuthenticateOnUnsubscribe) == "true"
			return one.put(tx)
		}
		return invalid("Token")
	})
}

// Unsubscribe deletes a subscription. Its endpoint may do so without a signature, by the link in each message; it then
// gets a message to undo that by.
func (s *Service) Unsubscribe(ctx context.Context, in *sns.UnsubscribeInput) (*sns.UnsubscribeOutput, error) {
	call := cloud.CallFrom(ctx)
	return &sns.UnsubscribeOutput{}, s.store.Update(func(tx *cloud.Tx) error {
		one, err := findSubscription(tx, call.Region, *in.SubscriptionArn)
		if cloud.HasCode(err, "NotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		if !one.Confirmed {
			return invalid("SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation")
		}
		if one.Guarded && call.Principal.Anonymous {
			return cloud.StatusErrorf(403, "AuthorizationError", "The subscription was confirmed with AuthenticateOnUnsubscribe: only its account may end it.")
		}
		t, err := findTopic(tx, call.Region, one.topicARN())
		if err != nil {
			return err
		}
		if t.Deleted++; call.Principal.Anonymous {
			one.Confirmed, one.Token, one.Created = false, cloud.RandomHex(256), s.now()
			if err := s.sayUnsubscribed(tx, one); err != nil {
				return err
			}
			if err := one.put(tx); err != nil { // as pending: by that message it comes back
				return err
			}
			return t.put(tx)
		}
		if err := subscriptions.Delete(tx, call.Region, one.id()); err != nil {
			return err
		}
		return t.put(tx)
	})
}

// link returns a URL of the lab's API that works without a signature.
func (s *Service) link(action string, parameters url.Values) string {
	parameters.Set("Action", action)
	return s.endpoint + "/?" + parameters.Encode()
}

func (s *Service) confirmLink(one *subscription) string {
	return s.link("ConfirmSubscription", url.Values{"TopicArn": {one.topicARN()}, "Token": {one.Token}})
}

func (s *Service) unsubscribeLink(one *subscription) string {
	return s.link("Unsubscribe", url.Values{"SubscriptionArn": {one.arn()}})
}

// askToConfirm sends an endpoint what it can confirm its subscription by.
func (s *Service) askToConfirm(tx *cloud.Tx, one *subscription) error {
	return s.queue(tx, one, message{
		Kind: confirmation, ID: cloud.NewUUID(), At: s.now(), Token: one.Token,
		Text: "You have chosen to subscribe to the topic " + one.topicARN() + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
	})
}

func (s *Service) sayUnsubscribed(tx *cloud.Tx, one *subscription) error {
	return s.queue(tx, one, message{
		Kind: goodbye, ID: cloud.NewUUID(), At: s.now(), Token: one.Token,
		Text: "You have chosen to deactivate subscription " + one.arn() + ".\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.",
	})
}

// dropUnconfirmed removes subscriptions that nobody confirmed in time.
func (s *Service) dropUnconfirmed() error {
	late := func(one *subscription) bool { return !one.Confirmed && s.now().Sub(one.Created) > confirmWithin }
	found := false
	err := s.store.View(func(tx *cloud.Tx) error {
		all, err := subscriptions.ListAll(tx)
		for _, one := range all {
			found = found || late(one)
		}
		return err
	})
	if err != nil || !found {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		all, err := subscriptions.ListAll(tx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if late(one) {
				if err := subscriptions.Delete(tx, one.Region, one.id()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
