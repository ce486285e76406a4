package sns

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"haven/lab/cloud"
	"haven/lab/services/sns/policy"
)

// set sets one of a topic's attributes; an empty value takes it away.
func (t *topic) set(name, value string) error {
	var err error
	switch name {
	case "DisplayName":
		if len(value) > 100 {
			err = invalid("DisplayName Reason: must be at most 100 characters long")
		}
	case "Policy":
		err = checkPolicy(value)
	case "DeliveryPolicy":
		_, err = parseTopicDelivery(value)
	case "KmsMasterKeyId":
	case "SignatureVersion":
		if value != "1" && value != "2" {
			err = invalid("SignatureVersion Reason: it is 1 or 2")
		}
	case "TracingConfig":
		if value != "PassThrough" {
			err = unsupported("the tracing configuration %s", value)
		}
	case "FifoTopic", "ContentBasedDeduplication":
		if value != "false" {
			err = unsupported("FIFO topics")
		}
		return err
	case "ApplicationSuccessFeedbackSampleRate", "FirehoseSuccessFeedbackSampleRate", "HTTPSuccessFeedbackSampleRate", "LambdaSuccessFeedbackSampleRate",
		"SQSSuccessFeedbackSampleRate":
		// Of deliveries that are logged. Without a role to log with, which is refused, none are; the provider always sends it.
		if rate, bad := strconv.Atoi(value); bad != nil || rate < 0 || rate > 100 {
			err = invalid("%s Reason: it is a percentage, 0 to 100", name)
		}
	default:
		err = unsupported("the topic attribute %s", name)
	}
	if err != nil {
		return err
	}
	if t.Attributes == nil {
		t.Attributes = map[string]string{}
	}
	if t.Attributes[name] = value; value == "" {
		delete(t.Attributes, name)
	}
	return nil
}

func checkPolicy(document string) error {
	var parsed struct{ Statement json.RawMessage }
	if document != "" && (json.Unmarshal([]byte(document), &parsed) != nil || len(parsed.Statement) == 0) {
		return invalid("Policy Error: the policy is not JSON with a Statement")
	}
	return nil
}

func parseTopicDelivery(document string) (policy.Delivery, error) {
	parsed, err := policy.Topic(document)
	if err != nil {
		return parsed, invalid("DeliveryPolicy: %v", err)
	}
	return parsed, nil
}

// SetTopicAttributes sets one attribute.
func (s *Service) SetTopicAttributes(ctx context.Context, in *sns.SetTopicAttributesInput) (*sns.SetTopicAttributesOutput, error) {
	return &sns.SetTopicAttributesOutput{}, s.change(ctx, *in.TopicArn, func(t *topic) error {
		return t.set(*in.AttributeName, aws.ToString(in.AttributeValue))
	})
}

// GetTopicAttributes returns what was set, what applies without, and how many subscriptions there are.
func (s *Service) GetTopicAttributes(ctx context.Context, in *sns.GetTopicAttributesInput) (*sns.GetTopicAttributesOutput, error) {
	region := cloud.RegionOf(ctx)
	out := &sns.GetTopicAttributesOutput{Attributes: map[string]string{}}
	return out, s.store.View(func(tx *cloud.Tx) error {
		t, err := findTopic(tx, region, *in.TopicArn)
		if err != nil {
			return err
		}
		own, err := subscriptionsOf(tx, region, t.Name)
		if err != nil {
			return err
		}
		confirmed := 0
		for _, one := range own {
			if one.Confirmed {
				confirmed++
			}
		}
		effective, err := parseTopicDelivery(t.Attributes["DeliveryPolicy"])
		if err != nil {
			return err
		}
		maps.Copy(out.Attributes, map[string]string{
			"TopicArn": t.arn(), "Owner": cloud.Account, "DisplayName": "", "Policy": t.defaultPolicy(), "EffectiveDeliveryPolicy": effective.TopicJSON(),
			"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(len(own) - confirmed),
			"SubscriptionsDeleted": strconv.Itoa(t.Deleted),
		})
		maps.Copy(out.Attributes, t.Attributes)
		return nil
	})
}

// defaultPolicy is the policy of a topic that was given none: its account may do everything with it.
func (t *topic) defaultPolicy() string {
	return toJSON(map[string]any{
		"Version": "2008-10-17", "Id": "__default_policy_ID",
		"Statement": []any{map[string]any{
			"Sid": "__default_statement_ID", "Effect": "Allow", "Principal": map[string]string{"AWS": "*"}, "Resource": t.arn(),
			"Action": []string{
				"SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission", "SNS:DeleteTopic",
				"SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
			},
			"Condition": map[string]any{"StringEquals": map[string]string{"AWS:SourceOwner": cloud.Account}},
		}},
	})
}

// policy returns the topic's policy for changing it.
func (t *topic) policy() (document map[string]any, statements []any, err error) {
	text := t.Attributes["Policy"]
	if text == "" {
		text = t.defaultPolicy()
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, nil, invalid("Policy Error: the topic's policy is not JSON: %v", err)
	}
	statements, ok := document["Statement"].([]any)
	if !ok {
		statements = []any{document["Statement"]}
	}
	return document, statements, nil
}

func (t *topic) setPolicy(document map[string]any, statements []any) error {
	document["Statement"] = statements
	return t.set("Policy", toJSON(document))
}

// AddPermission adds a statement to the topic's policy.
func (s *Service) AddPermission(ctx context.Context, in *sns.AddPermissionInput) (*sns.AddPermissionOutput, error) {
	return &sns.AddPermissionOutput{}, s.change(ctx, *in.TopicArn, func(t *topic) error {
		document, statements, err := t.policy()
		if err != nil {
			return err
		}
		if statementAt(statements, *in.Label) >= 0 {
			return invalid("Statement already exists: %s", *in.Label)
		}
		var principals, actions []string
		for _, account := range in.AWSAccountId {
			principals = append(principals, "arn:aws:iam::"+account+":root")
		}
		for _, action := range in.ActionName {
			actions = append(actions, "SNS:"+action)
		}
		return t.setPolicy(document, append(statements, map[string]any{
			"Sid": *in.Label, "Effect": "Allow", "Principal": map[string]any{"AWS": principals}, "Action": actions, "Resource": t.arn(),
		}))
	})
}

// RemovePermission removes a statement from the topic's policy.
func (s *Service) RemovePermission(ctx context.Context, in *sns.RemovePermissionInput) (*sns.RemovePermissionOutput, error) {
	return &sns.RemovePermissionOutput{}, s.change(ctx, *in.TopicArn, func(t *topic) error {
		document, statements, err := t.policy()
		if err != nil {
			return err
		}
		at := statementAt(statements, *in.Label)
		if at < 0 {
			return notFound("The statement " + *in.Label)
		}
		return t.setPolicy(document, append(statements[:at], statements[at+1:]...))
	})
}

func statementAt(statements []any, label string) int {
	for i, statement := range statements {
		if fields, ok := statement.(map[string]any); ok && fields["Sid"] == label {
			return i
		}
	}
	return -1
}
