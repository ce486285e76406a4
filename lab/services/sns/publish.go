package sns

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"haven/lab/cloud"
	"haven/lab/metric"
)

const (
	// maxMessage is how long a message with its attributes may be, and all of a batch together.
	maxMessage = 256 << 10
	// maxWaiting is how many deliveries may wait in the lab; then publishers are throttled.
	maxWaiting = 20_000
	maxBatch   = 10
)

// published is a message on its way to a topic: one text for all protocols, or several.
type published struct {
	message
	texts map[string]string // by protocol, with "default"; nil: Text
	size  int
}

// textFor returns the message for a protocol.
func (p published) textFor(protocol string) message {
	m := p.message
	if p.texts == nil {
		return m
	}
	if text, ok := p.texts[protocol]; ok {
		m.Text = text
	} else {
		m.Text = p.texts["default"]
	}
	return m
}

// wish is what Publish and the entries of PublishBatch have in common.
type wish struct {
	text, subject, structure *string
	attributes               map[string]types.MessageAttributeValue
}

// Publish sends a message to a topic's subscriptions. It is not lost once Publish has returned.
func (s *Service) Publish(ctx context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
	arn := in.TopicArn
	if arn == nil {
		arn = in.TargetArn
	}
	if arn == nil {
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	p, err := s.read(wish{in.Message, in.Subject, in.MessageStructure, in.MessageAttributes})
	if err != nil {
		return nil, err
	}
	return &sns.PublishOutput{MessageId: &p.ID}, s.send(cloud.RegionOf(ctx), *arn, p)
}

// PublishMessage sends a message to a topic for services of the lab.
func (s *Service) PublishMessage(_ context.Context, region, topicARN, subject, text string) error {
	w := wish{text: &text}
	if subject != "" {
		w.subject = &subject
	}
	p, err := s.read(w)
	if err != nil {
		return err
	}
	return s.send(region, topicARN, p)
}

// PublishBatch sends up to ten messages; each succeeds or fails by itself.
func (s *Service) PublishBatch(ctx context.Context, in *sns.PublishBatchInput) (*sns.PublishBatchOutput, error) {
	entries := in.PublishBatchRequestEntries
	if len(entries) == 0 {
		return nil, cloud.Errorf("EmptyBatchRequest", "The batch request doesn't contain any entries.")
	}
	if len(entries) > maxBatch {
		return nil, cloud.Errorf("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible: %d.", maxBatch)
	}
	seen, size := map[string]bool{}, 0
	var all []published
	out := &sns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, entry := range entries {
		id := aws.ToString(entry.Id)
		if !goodEntry.MatchString(id) {
			return nil, cloud.Errorf("InvalidBatchEntryId", "The Id of a batch entry in a batch request doesn't abide by the specification: %q", id)
		}
		if seen[id] {
			return nil, cloud.Errorf("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id: %s", id)
		}
		seen[id] = true
		p, err := s.readEntry(entry)
		if err != nil {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: entry.Id, Code: aws.String("InvalidParameter"), Message: aws.String(err.Error()), SenderFault: true})
			continue
		}
		size += p.size
		all = append(all, p)
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: entry.Id, MessageId: aws.String(p.ID)})
	}
	if size > maxMessage {
		return nil, cloud.Errorf("BatchRequestTooLong", "The length of all the batch messages put together is more than the limit of %d bytes.", maxMessage)
	}
	return out, s.send(cloud.RegionOf(ctx), *in.TopicArn, all...)
}

var goodEntry = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func (s *Service) readEntry(entry types.PublishBatchRequestEntry) (published, error) {
	if entry.MessageGroupId != nil || entry.MessageDeduplicationId != nil {
		return published{}, unsupported("FIFO topics: MessageGroupId and MessageDeduplicationId")
	}
	return s.read(wish{entry.Message, entry.Subject, entry.MessageStructure, entry.MessageAttributes})
}

// read checks a message.
func (s *Service) read(w wish) (p published, err error) {
	p.message = message{Kind: notification, ID: cloud.NewUUID(), Text: aws.ToString(w.text), Subject: aws.ToString(w.subject), At: s.now()}
	if p.Text == "" || !utf8.ValidString(p.Text) {
		return p, invalid("Message Reason: it is empty or not UTF-8")
	}
	if w.subject != nil && !goodSubject(p.Subject) {
		return p, invalid("Subject Reason: it must be less than 100 printable ASCII characters that begin with a letter, digit or punctuation mark")
	}
	if p.Attributes, err = readAttributes(w.attributes); err != nil {
		return p, err
	}
	p.size = len(p.Text)
	for name, a := range p.Attributes {
		p.size += len(name) + len(a.Type) + len(a.Value)
	}
	if p.size > maxMessage {
		return p, invalid("Message too long: more than %d bytes", maxMessage)
	}
	switch aws.ToString(w.structure) {
	case "":
		return p, nil
	case "json":
		if json.Unmarshal([]byte(p.Text), &p.texts) != nil {
			return p, invalid("Message Structure - JSON message body failed to parse")
		}
		if _, ok := p.texts["default"]; !ok {
			return p, invalid("Message Structure - No default entry in JSON message body")
		}
		return p, nil
	}
	return p, invalid("MessageStructure Reason: it is json or absent")
}

func goodSubject(subject string) bool {
	return len(subject) > 0 && len(subject) < 100 && subject[0] != ' ' &&
		!strings.ContainsFunc(subject, func(r rune) bool { return r < ' ' || r > '~' })
}

func readAttributes(given map[string]types.MessageAttributeValue) (map[string]attribute, error) {
	all := map[string]attribute{}
	for name, value := range given {
		kind := aws.ToString(value.DataType)
		base, _, _ := strings.Cut(kind, ".")
		a := attribute{Type: kind, Value: aws.ToString(value.StringValue)}
		switch {
		case name == "" || len(name) > 256:
			return nil, invalid("MessageAttributes Reason: a name has 1 to 256 characters")
		case base == "Binary" && len(value.BinaryValue) > 0:
			a.Value = encodeBinary(value.BinaryValue)
		case (base == "String" || base == "Number") && a.Value != "":
		default:
			return nil, cloud.Errorf("ParameterValueInvalid", "The message attribute '%s' must have a DataType of String, String.Array, Number or Binary, and a value of it.", name)
		}
		all[name] = a
	}
	return all, nil
}

// send queues messages for each of a topic's subscriptions that wants them.
func (s *Service) send(region, arn string, messages ...published) error {
	if s.waiting.Load() > maxWaiting {
		return cloud.StatusErrorf(429, "Throttled", "Rate exceeded: %d messages wait to be delivered.", maxWaiting)
	}
	if len(messages) == 0 {
		return nil
	}
	err := s.store.Update(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, region, arn)
		if err != nil {
			return err
		}
		own, err := subscriptionsOf(tx, region, t.Name)
		if err != nil {
			return err
		}
		for _, p := range messages {
			for _, one := range own {
				m := p.textFor(one.Protocol)
				if !one.Confirmed || !one.wants(m) {
					continue
				}
				if err := s.queue(tx, one, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	for _, p := range messages {
		s.measure(region, name, "NumberOfMessagesPublished", "Count", 1)
		s.measure(region, name, "PublishSize", "Bytes", float64(p.size))
	}
	return nil
}

func (s *Service) measure(region, topic, name, unit string, value float64) {
	s.metrics.Record(region, metric.Datum{
		Namespace: "AWS/SNS", Name: name, Unit: unit, Values: []float64{value}, Time: s.now(),
		Dimensions: []metric.Dimension{{Name: "TopicName", Value: topic}},
	})
}
