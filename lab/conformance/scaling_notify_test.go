package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// listener is an HTTP endpoint that is subscribed to a topic and keeps what it is told.
type listener struct {
	t     *testing.T
	topic string
	mu    sync.Mutex
	told  []map[string]any // the messages, with "Subject"
}

func listen(t *testing.T, w *world.World, name string) *listener {
	t.Helper()
	client, l := sns.NewFromConfig(w.Config), &listener{t: t}
	topic, err := client.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: &name})
	require.NoError(t, err)
	l.topic = *topic.TopicArn
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var post struct{ Type, Token, Subject, Message string }
		if json.NewDecoder(r.Body).Decode(&post) != nil {
			return
		}
		if post.Type == "SubscriptionConfirmation" {
			_, _ = client.ConfirmSubscription(context.Background(), &sns.ConfirmSubscriptionInput{TopicArn: &l.topic, Token: &post.Token}) // the wait tells
			return
		}
		message := map[string]any{}
		_ = json.Unmarshal([]byte(post.Message), &message) // what is no JSON is not what is waited for
		message["Subject"] = post.Subject
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, message)
	}))
	t.Cleanup(server.Close)
	_, err = client.Subscribe(context.Background(), &sns.SubscribeInput{TopicArn: &l.topic, Protocol: aws.String("http"), Endpoint: &server.URL})
	require.NoError(t, err)
	world.Wait(t, "the subscription to be confirmed", scalingLimit, func() error {
		attributes, err := client.GetTopicAttributes(context.Background(), &sns.GetTopicAttributesInput{TopicArn: &l.topic})
		if err == nil && attributes.Attributes["SubscriptionsConfirmed"] != "1" {
			err = fmt.Errorf("%v", attributes.Attributes)
		}
		return err
	})
	return l
}

// hear waits for a message whose member has the value.
func (l *listener) hear(member, value string) (found map[string]any) {
	l.t.Helper()
	world.Wait(l.t, "a message with "+member+" "+value, scalingLimit, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, m := range l.told {
			if m[member] == value {
				found = m
				return nil
			}
		}
		return fmt.Errorf("there are %v", l.told)
	})
	return found
}

// ASG-1, ASG-14: a topic is told of launches and terminations, and a hook's topic is asked for its action, by the token
// of which the instance goes on.
func TestTopicsAreToldOfScaling(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	g := newGroup(t, w.Network(t, "a"), 0)
	l := listen(t, w, g.name)
	ctx := context.Background()
	_, err := w.AutoScaling.PutNotificationConfiguration(ctx, &autoscaling.PutNotificationConfigurationInput{
		AutoScalingGroupName: &g.name, TopicARN: &l.topic, NotificationTypes: []string{"autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"}})
	require.NoError(t, err)
	l.hear("Event", "autoscaling:TEST_NOTIFICATION")
	hook := func(target string) error {
		_, err := w.AutoScaling.PutLifecycleHook(ctx, &autoscaling.PutLifecycleHookInput{
			AutoScalingGroupName: &g.name, LifecycleHookName: aws.String("ready"), LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING"), NotificationTargetARN: &target})
		return err
	}
	require.Error(t, hook("arn:aws:sqs:us-east-1:"+world.Account+":queue"), "a queue hears nothing, and that is said")
	require.Error(t, hook("arn:aws:sns:us-east-1:"+world.Account+":nobody"), "a topic that is not there")
	require.NoError(t, hook(l.topic))

	resize := func(n int32) {
		_, err := w.AutoScaling.SetDesiredCapacity(ctx, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: &g.name, DesiredCapacity: &n})
		require.NoError(t, err)
	}
	resize(1)
	asked := l.hear("LifecycleTransition", "autoscaling:EC2_INSTANCE_LAUNCHING")
	require.Empty(t, g.ids(), "it waits for its hook")
	token := asked["LifecycleActionToken"].(string)
	_, err = w.AutoScaling.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &g.name, LifecycleHookName: aws.String("ready"), LifecycleActionToken: &token, LifecycleActionResult: aws.String("CONTINUE")})
	require.NoError(t, err)
	launched := l.hear("Event", "autoscaling:EC2_INSTANCE_LAUNCH")
	require.Equal(t, asked["EC2InstanceId"], launched["EC2InstanceId"])
	require.Contains(t, launched["Cause"], "a user request explicitly set group desired capacity changing the desired capacity from 0 to 1.")
	g.size("the instance to serve", 1)
	resize(0)
	require.Equal(t, asked["EC2InstanceId"], l.hear("Event", "autoscaling:EC2_INSTANCE_TERMINATE")["EC2InstanceId"])
}
