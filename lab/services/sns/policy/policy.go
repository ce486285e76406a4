// Package policy reads SNS's delivery policies and says when a delivery is tried again
// (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Retry is a policy for HTTP and HTTPS endpoints; delays are in seconds.
type Retry struct {
	MinDelayTarget     int    `json:"minDelayTarget"`
	MaxDelayTarget     int    `json:"maxDelayTarget"`
	NumRetries         int    `json:"numRetries"`
	NumMaxDelayRetries int    `json:"numMaxDelayRetries"`
	NumNoDelayRetries  int    `json:"numNoDelayRetries"`
	NumMinDelayRetries int    `json:"numMinDelayRetries"`
	BackoffFunction    string `json:"backoffFunction"`
}

// Default is the policy of a topic without one.
func Default() Retry {
	return Retry{MinDelayTarget: 20, MaxDelayTarget: 20, NumRetries: 3, BackoffFunction: "linear"}
}

// Delivery is a topic's policy.
type Delivery struct {
	Retry            Retry
	DisableOverrides bool
	ContentType      string
}

type request struct {
	ContentType string `json:"headerContentType,omitempty"`
}

type topicForm struct {
	HTTP struct {
		Default          *Retry   `json:"defaultHealthyRetryPolicy"`
		DisableOverrides bool     `json:"disableSubscriptionOverrides"`
		Request          *request `json:"defaultRequestPolicy,omitempty"`
	} `json:"http"`
}

type subscriptionForm struct {
	Retry   *Retry   `json:"healthyRetryPolicy"`
	Request *request `json:"requestPolicy,omitempty"`
	// Throttle is refused: the lab delivers as fast as it can.
	Throttle json.RawMessage `json:"throttlePolicy,omitempty"`
}

// Topic reads a topic's policy; "" is the default.
func Topic(document string) (Delivery, error) {
	d := Delivery{Retry: Default()}
	if document == "" {
		return d, nil
	}
	form := topicForm{}
	retry := Default()
	form.HTTP.Default = &retry
	if err := json.Unmarshal([]byte(document), &form); err != nil {
		return d, fmt.Errorf("the delivery policy is not JSON of the documented form: %w", err)
	}
	if form.HTTP.Default != nil {
		d.Retry = *form.HTTP.Default
	}
	if form.HTTP.Request != nil {
		d.ContentType = form.HTTP.Request.ContentType
	}
	d.DisableOverrides = form.HTTP.DisableOverrides
	return d, d.Retry.check()
}

// Subscription reads a subscription's policy, which goes before its topic's unless that forbids it.
func Subscription(document string, topic Delivery) (Delivery, error) {
	if document == "" {
		return topic, nil
	}
	retry := Default()
	form := subscriptionForm{Retry: &retry}
	if err := json.Unmarshal([]byte(document), &form); err != nil {
		return topic, fmt.Errorf("the delivery policy is not JSON of the documented form: %w", err)
	}
	if len(form.Throttle) > 0 && string(form.Throttle) != "null" {
		return topic, fmt.Errorf("the lab does not implement throttlePolicy")
	}
	own := topic
	if form.Retry != nil {
		own.Retry = *form.Retry
	}
	if form.Request != nil {
		own.ContentType = form.Request.ContentType
	}
	if err := own.Retry.check(); err != nil {
		return topic, err
	}
	if topic.DisableOverrides {
		return topic, nil
	}
	return own, nil
}

// check checks a policy against SNS's limits.
func (r Retry) check() error {
	switch {
	case r.NumRetries < 0 || r.NumRetries > 100:
		return fmt.Errorf("numRetries must be between 0 and 100")
	case r.MinDelayTarget < 1 || r.MaxDelayTarget > 3600 || r.MinDelayTarget > r.MaxDelayTarget:
		return fmt.Errorf("minDelayTarget must be at least 1, and maxDelayTarget between it and 3600")
	case r.NumNoDelayRetries < 0 || r.NumMinDelayRetries < 0 || r.NumMaxDelayRetries < 0,
		r.NumNoDelayRetries+r.NumMinDelayRetries+r.NumMaxDelayRetries > r.NumRetries:
		return fmt.Errorf("the retries of the phases must not be more than numRetries")
	}
	switch r.BackoffFunction {
	case "linear", "arithmetic", "geometric", "exponential":
		return nil
	}
	return fmt.Errorf("backoffFunction is linear, arithmetic, geometric or exponential, and not %q", r.BackoffFunction)
}

// Delays returns how long to wait before each retry: at once, the least delay, growing from the least to the longest, the
// longest.
func (r Retry) Delays() []time.Duration {
	var all []time.Duration
	add := func(count int, seconds float64) {
		for range count {
			all = append(all, time.Duration(seconds*float64(time.Second)))
		}
	}
	add(r.NumNoDelayRetries, 0)
	add(r.NumMinDelayRetries, float64(r.MinDelayTarget))
	growing := r.NumRetries - r.NumNoDelayRetries - r.NumMinDelayRetries - r.NumMaxDelayRetries
	for i := range growing {
		share := 0.0
		if growing > 1 {
			share = float64(i) / float64(growing-1)
		}
		add(1, r.between(share))
	}
	add(r.NumMaxDelayRetries, float64(r.MaxDelayTarget))
	return all
}

// between returns the delay at a share of the way from the least to the longest. AWS shows the curves in a picture only:
// linear is straight, and each of the others stays low longer.
func (r Retry) between(share float64) float64 {
	least, most := float64(r.MinDelayTarget), float64(r.MaxDelayTarget)
	switch r.BackoffFunction {
	case "arithmetic":
		share = share * (1 + share) / 2
	case "geometric":
		share *= share
	case "exponential":
		return least * math.Pow(most/least, share)
	}
	return least + (most-least)*share
}

// TopicJSON writes the policy as GetTopicAttributes shows what applies.
func (d Delivery) TopicJSON() string {
	form := topicForm{}
	form.HTTP.Default, form.HTTP.DisableOverrides = &d.Retry, d.DisableOverrides
	form.HTTP.Request = &request{d.contentType()}
	return write(form)
}

// SubscriptionJSON writes the policy as GetSubscriptionAttributes shows what applies.
func (d Delivery) SubscriptionJSON() string {
	return write(struct {
		Retry   Retry   `json:"healthyRetryPolicy"`
		Request request `json:"requestPolicy"`
	}{d.Retry, request{d.contentType()}})
}

func (d Delivery) contentType() string {
	if d.ContentType == "" {
		return "text/plain; charset=UTF-8"
	}
	return d.ContentType
}

func write(form any) string {
	raw, err := json.Marshal(form)
	if err != nil {
		panic("policy: " + err.Error()) // numbers and texts can always be written
	}
	return string(raw)
}
