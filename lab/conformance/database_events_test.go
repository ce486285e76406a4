package conformance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// reader is an HTTP endpoint that subscribes to whatever asks it to and keeps the messages.
type reader struct {
	mu       sync.Mutex
	messages []string
}

func (r *reader) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	var letter struct{ Type, Message, SubscribeURL string }
	if json.NewDecoder(request.Body).Decode(&letter) != nil {
		return
	}
	if letter.SubscribeURL != "" && letter.Type == "SubscriptionConfirmation" {
		if answer, err := http.Get(letter.SubscribeURL); err == nil {
			answer.Body.Close()
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, letter.Message)
}

// told returns what RDS said in the message of an event, if it was told.
func (r *reader) told(event string) (found map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, message := range r.messages {
		var said map[string]any
		if json.Unmarshal([]byte(message), &said) == nil && said["Event Message"] == event {
			found = said
		}
	}
	return found
}

func aTopicIsToldOfFailovers(t *testing.T, d *database) {
	ctx := context.Background()
	inbox := &reader{}
	server := httptest.NewServer(inbox)
	t.Cleanup(server.Close)
	topics := sns.NewFromConfig(d.Config)
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: &d.name})
	require.NoError(t, err)
	_, err = topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("http"), Endpoint: &server.URL})
	require.NoError(t, err)
	world.Wait(t, "the endpoint to be subscribed", time.Minute, func() error {
		all, err := topics.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: topic.TopicArn})
		if err == nil && (len(all.Subscriptions) != 1 || *all.Subscriptions[0].SubscriptionArn == "PendingConfirmation") {
			err = fmt.Errorf("it is not yet")
		}
		return err
	})
	in := &rds.CreateEventSubscriptionInput{
		SubscriptionName: &d.name, SnsTopicArn: aws.String(*topic.TopicArn + "-missing"), SourceType: aws.String("db-cluster"),
		SourceIds: []string{d.name}, EventCategories: []string{"failover"},
	}
	_, err = d.rds.CreateEventSubscription(ctx, in)
	require.ErrorContains(t, err, "SNSTopicArnNotFound", "a topic that is not there can't be told")
	in.SnsTopicArn = topic.TopicArn
	_, err = d.rds.CreateEventSubscription(ctx, in)
	require.NoError(t, err)

	writer := d.awaitWhole(t)
	_, err = d.rds.FailoverDBCluster(ctx, &rds.FailoverDBClusterInput{DBClusterIdentifier: &d.name})
	require.NoError(t, err)
	next := d.awaitWriter(t, writer)
	world.Wait(t, "the topic to be told", time.Minute, func() error {
		said := inbox.told("Completed failover to DB instance: " + next + ".")
		if said == nil {
			return fmt.Errorf("it was told %q", inbox.messages)
		}
		require.Contains(t, said["Event ID"], "RDS-EVENT-0071")
		require.Equal(t, d.name, said["Source ID"])
		return nil
	})
	d.awaitWhole(t)
	_, err = d.rds.DeleteEventSubscription(ctx, &rds.DeleteEventSubscriptionInput{SubscriptionName: &d.name})
	require.NoError(t, err)
}
