// Package monitoring declares who is told when something is wrong, and of what: one topic that reaches every steward at once, and
// alarms at three levels: the machines, what they run on, and the application with its database.
//
// All alarms have the shortest period that the standard metrics allow, one minute. A steward's address gets a message that has to be
// confirmed once; until then it is told nothing.
// https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html
package monitoring

import (
	"errors"
	"fmt"
	"net/mail"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// Type is the component's type token.
const Type = "haven:monitoring:Monitoring"

// Args configures monitoring.
type Args struct {
	// Required.
	Region, Account string
	Key             pulumi.StringInput // ARN of a key that CloudWatch and RDS may use
	BalancerSuffix  pulumi.StringInput // of the balancer's ARN: a metric's dimension
	TargetSuffix    pulumi.StringInput // of the target group's ARN: a metric's dimension
	Group           pulumi.StringInput // name of the servers' Auto Scaling group
	Cluster         pulumi.StringInput // identifier of the database cluster
	Servers         int                // healthy servers, fewer of which are an alarm

	// Optional.
	Stewards []string // e-mail addresses: who is told
}

// Monitoring is what watches.
type Monitoring struct {
	pulumi.ResourceState

	Topic  pulumi.StringOutput            // ARN: whoever else has to tell the stewards
	Alarms map[string]pulumi.StringOutput // names by role
}

func (a *Args) validate() error {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(a.Region != "" && a.Account != "", "Region and Account are required")
	check(a.Key != nil && a.BalancerSuffix != nil && a.TargetSuffix != nil && a.Group != nil && a.Cluster != nil,
		"Key, BalancerSuffix, TargetSuffix, Group and Cluster are required")
	check(a.Servers > 0, "Servers is %d: an alarm that can't be raised watches nothing", a.Servers)
	for _, address := range a.Stewards {
		check(IsAddress(address), "steward %q: expected an e-mail address such as ada@example.com", address)
	}
	return errors.Join(problems...)
}

// IsAddress tells whether a text is an e-mail address, and nothing beside it.
func IsAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text
}

// New declares the topic, its subscriptions and the alarms.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Monitoring, error) {
	if args == nil {
		return nil, fmt.Errorf("creating monitoring %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating monitoring %s: %w", name, err)
	}
	made := &Monitoring{Alarms: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering monitoring %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.topic, b.stewards, b.alarms, b.databaseEvents} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating monitoring %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"topic": made.Topic}); err != nil {
		return nil, fmt.Errorf("registering the outputs of monitoring %s: %w", name, err)
	}
	return made, nil
}

// builder carries what the steps share.
type builder struct {
	ctx    *pulumi.Context
	name   string
	args   *Args
	made   *Monitoring
	child  pulumi.ResourceOption
	opened pulumi.Resource // the topic's policy: who publishes has to wait for it
}

// topic is encrypted with the account's own key: AWS's own key for topics can't be opened to CloudWatch.
// https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
func (b *builder) topic() error {
	topic, err := sns.NewTopic(b.ctx, b.name, &sns.TopicArgs{
		DisplayName: pulumi.String("Haven alerts"), KmsMasterKeyId: b.args.Key.ToStringOutput(), Tags: pulumi.StringMap{"Name": pulumi.String(b.name)},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating the topic: %w", err)
	}
	b.made.Topic = topic.Arn
	b.opened, err = sns.NewTopicPolicy(b.ctx, b.name, &sns.TopicPolicyArgs{Arn: topic.Arn, Policy: iampolicy.JSON(b.publishers()...)}, b.child)
	if err != nil {
		return fmt.Errorf("creating the topic's policy: %w", err)
	}
	return nil
}

// publishers are this account's alarms and database events, and nobody else.
// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.GrantingPermissions.html
func (b *builder) publishers() []iampolicy.Statement {
	publish := func(sid, service, from string) iampolicy.Statement {
		return iampolicy.Statement{
			Sid: sid, Principal: map[string]any{"Service": service}, Actions: []string{"sns:Publish"}, Resources: []any{b.made.Topic},
			Conditions: map[string]any{
				"StringEquals": map[string]any{"aws:SourceAccount": b.args.Account},
				"ArnLike":      map[string]any{"aws:SourceArn": fmt.Sprintf("arn:aws:%s:%s:%s:*", from, b.args.Region, b.args.Account)},
			},
		}
	}
	return []iampolicy.Statement{
		publish("AlarmsOfThisAccount", "cloudwatch.amazonaws.com", "cloudwatch"),
		publish("DatabaseEventsOfThisAccount", "events.rds.amazonaws.com", "rds"),
	}
}

func (b *builder) stewards() error {
	for _, address := range b.args.Stewards {
		_, err := sns.NewTopicSubscription(b.ctx, b.name+"-"+address, &sns.TopicSubscriptionArgs{
			Topic: b.made.Topic, Protocol: pulumi.String("email"), Endpoint: pulumi.String(address),
		}, b.child)
		if err != nil {
			return fmt.Errorf("subscribing %s: %w", address, err)
		}
	}
	return nil
}
