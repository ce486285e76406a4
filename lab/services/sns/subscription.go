package sns

import (
	"strings"
	"time"

	"haven/lab/cloud"
	"haven/lab/services/sns/filter"
	"haven/lab/services/sns/policy"
)

// subscription is an endpoint's wish to hear of a topic.
type subscription struct {
	Region        string
	Topic         string
	UUID          string
	Protocol      string
	Endpoint      string
	Attributes    map[string]string `json:",omitempty"`
	Confirmed     bool
	Authenticated bool   // its confirmation was signed by the account
	Guarded       bool   // only the account may unsubscribe it
	Token         string // to confirm with
	Principal     string // who subscribed
	Created       time.Time
}

var subscriptions = cloud.NewTable[subscription]("sns.subscriptions")

// confirmWithin is how long a subscription waits to be confirmed; then it is gone.
const confirmWithin = 48 * time.Hour

const pendingARN = "PendingConfirmation"

func (s *subscription) id() string { return s.Topic + ":" + s.UUID }

func (s *subscription) arn() string { return topicARN(s.Region, s.id()) }

func (s *subscription) topicARN() string { return topicARN(s.Region, s.Topic) }

func (s *subscription) put(tx *cloud.Tx) error { return subscriptions.Put(tx, s.Region, s.id(), s) }

// subscriptionsOf returns a topic's subscriptions.
func subscriptionsOf(tx *cloud.Tx, region, topic string) ([]*subscription, error) {
	return subscriptions.ListPrefix(tx, region, topic+":")
}

// findSubscription returns the subscription of an ARN.
func findSubscription(tx *cloud.Tx, region, arn string) (*subscription, error) {
	id, ok := strings.CutPrefix(arn, topicARN(region, ""))
	if !ok || strings.Count(id, ":") != 1 {
		return nil, invalid("SubscriptionArn Reason: %s is not a subscription of this account and region", arn)
	}
	one, err := subscriptions.Get(tx, region, id)
	if err == nil && one == nil {
		err = notFound("Subscription")
	}
	return one, err
}

// set sets one of a subscription's attributes; an empty value takes it away.
func (s *subscription) set(name, value string) error {
	var err error
	switch name {
	case "RawMessageDelivery":
		if value != "true" && value != "false" {
			return invalid("RawMessageDelivery Reason: it is true or false")
		}
		if value == "true" && strings.HasPrefix(s.Protocol, "email") {
			return invalid("RawMessageDelivery Reason: the protocol %s has no raw delivery", s.Protocol)
		}
	case "FilterPolicy", "FilterPolicyScope":
		err = s.checkFilter(name, value)
	case "DeliveryPolicy":
		if _, bad := policy.Subscription(value, policy.Delivery{Retry: policy.Default()}); bad != nil {
			err = invalid("DeliveryPolicy: %v", bad)
		}
	case "RedrivePolicy":
		if value != "" {
			err = unsupported("dead-letter queues: RedrivePolicy")
		}
	default:
		err = unsupported("the subscription attribute %s", name)
	}
	if err != nil {
		return err
	}
	if s.Attributes == nil {
		s.Attributes = map[string]string{}
	}
	if s.Attributes[name] = value; value == "" {
		delete(s.Attributes, name)
	}
	return nil
}

// checkFilter checks the filter policy as it would be with a change. The scope may come before its policy.
func (s *subscription) checkFilter(name, value string) error {
	document, scope := s.Attributes["FilterPolicy"], s.Attributes["FilterPolicyScope"]
	if name == "FilterPolicy" {
		document = value
	} else {
		scope, document = value, "{}"
	}
	if document == "" {
		return nil
	}
	_, err := filter.Parse(document, scope)
	if err != nil && name == "FilterPolicy" && scope == "" {
		if _, bodyErr := filter.Parse(document, "MessageBody"); bodyErr == nil && strings.Contains(err.Error(), "nested") {
			return invalid("FilterPolicy: %v; set FilterPolicyScope to MessageBody first", err)
		}
	}
	if err != nil {
		return invalid("%s: %v", name, err)
	}
	return nil
}

// wants tells whether the subscription's filter lets a message through.
func (s *subscription) wants(m message) bool {
	document := s.Attributes["FilterPolicy"]
	if document == "" {
		return true
	}
	parsed, err := filter.Parse(document, s.Attributes["FilterPolicyScope"])
	return err == nil && parsed.Matches(m.filterAttributes(), m.Text)
}

// delivery returns the policy that applies to a subscription.
func (s *subscription) delivery(t *topic) (policy.Delivery, error) {
	of, err := policy.Topic(t.Attributes["DeliveryPolicy"])
	if err != nil {
		return of, err
	}
	return policy.Subscription(s.Attributes["DeliveryPolicy"], of)
}
