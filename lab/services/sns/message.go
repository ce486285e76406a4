package sns

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"haven/lab/services/sns/filter"
)

// What a message is for.
const (
	notification = "Notification"
	confirmation = "SubscriptionConfirmation"
	goodbye      = "UnsubscribeConfirmation"
)

// message is what is sent to an endpoint.
type message struct {
	Kind       string
	ID         string
	Subject    string `json:",omitempty"`
	Text       string
	Token      string               `json:",omitempty"` // of a confirmation
	Attributes map[string]attribute `json:",omitempty"`
	At         time.Time
}

// attribute is a message attribute; a binary value is in base64.
type attribute struct{ Type, Value string }

func (m message) filterAttributes() map[string]filter.Attribute {
	all := map[string]filter.Attribute{}
	for name, a := range m.Attributes {
		all[name] = filter.Attribute(a)
	}
	return all
}

// envelope is the JSON that endpoints get
// (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html).
type envelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	Token            string `json:",omitempty"`
	TopicArn         string
	Subject          string `json:",omitempty"`
	Message          string
	SubscribeURL     string `json:",omitempty"`
	Timestamp        string
	SignatureVersion string
	Signature        string // empty: the lab signs as nobody
	SigningCertURL   string
	UnsubscribeURL   string               `json:",omitempty"`
	Attributes       map[string]attribute `json:"MessageAttributes,omitempty"`
}

func (s *Service) envelope(one *subscription, m message) []byte {
	e := envelope{
		Type: m.Kind, MessageID: m.ID, TopicArn: one.topicARN(), Subject: m.Subject, Message: m.Text, Token: m.Token, SignatureVersion: "1",
		Timestamp: m.At.UTC().Format("2006-01-02T15:04:05.000Z"), Attributes: m.Attributes,
	}
	if m.Kind == notification {
		e.UnsubscribeURL = s.unsubscribeLink(one)
	} else {
		e.SubscribeURL = s.confirmLink(one)
	}
	raw, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		panic("sns: " + err.Error()) // texts can always be written
	}
	return raw
}

func toJSON(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("sns: writing %T: %v", value, err)) // texts can always be written
	}
	return string(raw)
}

func encodeBinary(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }
