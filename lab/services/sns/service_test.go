package sns_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/sns"
	"haven/lab/wire/wiretest"
)

var background = context.Background()

type fixture struct {
	t       *testing.T
	dir     string
	store   *cloud.Store
	service *sns.Service
	client  *awssns.Client
	stop    func()

	mu     sync.Mutex
	failed []sns.Failure
}

func start(t *testing.T) *fixture {
	f := &fixture{t: t, dir: t.TempDir()}
	store, err := cloud.Open(filepath.Join(f.dir, "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	f.store = store
	f.open()
	t.Cleanup(func() { f.stop() })
	return f
}

// open starts the service over the store; the one before must have been stopped.
func (f *fixture) open() {
	f.service = sns.New(f.store, filepath.Join(f.dir, "mailbox"), slog.New(slog.NewTextHandler(f.t.Output(), nil)), sns.WithFailures(func(failure sns.Failure) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed = append(f.failed, failure)
	}))
	config := wiretest.New(f.t, map[string]any{"sns": f.service})
	f.service.SetEndpoint(*config.BaseEndpoint)
	f.client = awssns.NewFromConfig(config)
	ctx, cancel := context.WithCancel(background)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.service.Run(ctx)
	}()
	f.stop = func() {
		cancel()
		<-ended
	}
}

func (f *fixture) failures() []sns.Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]sns.Failure{}, f.failed...)
}

func (f *fixture) topic() *string {
	out, err := f.client.CreateTopic(background, &awssns.CreateTopicInput{Name: aws.String("alerts")})
	require.NoError(f.t, err)
	return out.TopicArn
}

func (f *fixture) subscribe(topic *string, protocol, endpoint string, attributes map[string]string) *string {
	f.t.Helper()
	out, err := f.client.Subscribe(background, &awssns.SubscribeInput{
		TopicArn: topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes, ReturnSubscriptionArn: true,
	})
	require.NoError(f.t, err)
	return out.SubscriptionArn
}

func (f *fixture) publish(topic *string, text string, attributes map[string]types.MessageAttributeValue) {
	f.t.Helper()
	_, err := f.client.Publish(background, &awssns.PublishInput{TopicArn: topic, Message: &text, Subject: aws.String("Hello"), MessageAttributes: attributes})
	require.NoError(f.t, err)
}

func (f *fixture) eventually(what string, holds func() bool) {
	f.t.Helper()
	require.Eventually(f.t, holds, 30*time.Second, 20*time.Millisecond, what)
}

func requireCode(t *testing.T, code string, err error) string {
	t.Helper()
	var failure smithy.APIError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, code, failure.ErrorCode(), failure.ErrorMessage())
	return failure.ErrorMessage()
}

// endpoint is an HTTP server that confirms by itself and remembers what it got; status is what it answers.
type endpoint struct {
	*httptest.Server
	mu      sync.Mutex
	status  int
	got     []received
	confirm bool
}

type received struct {
	header http.Header
	body   string
}

func listen(t *testing.T) *endpoint {
	e := &endpoint{status: http.StatusOK, confirm: true}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

// ServeHTTP takes a message.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, received{r.Header, string(body)})
	var message struct{ Type, SubscribeURL string }
	if json.Unmarshal(body, &message) == nil && message.Type == "SubscriptionConfirmation" && e.confirm {
		if answer, err := http.Get(message.SubscribeURL); err == nil {
			answer.Body.Close()
		}
		return
	}
	w.WriteHeader(e.status)
}

func (e *endpoint) set(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

// notifications returns the messages of a kind so far.
func (e *endpoint) notifications(kind string) []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []received
	for _, one := range e.got {
		if one.header.Get("X-Amz-Sns-Message-Type") == kind {
			all = append(all, one)
		}
	}
	return all
}

func (f *fixture) confirmed(topic *string, n int) {
	f.t.Helper()
	f.eventually("the subscription is confirmed", func() bool {
		out, err := f.client.ListSubscriptionsByTopic(background, &awssns.ListSubscriptionsByTopicInput{TopicArn: topic})
		require.NoError(f.t, err)
		count := 0
		for _, one := range out.Subscriptions {
			if strings.HasPrefix(*one.SubscriptionArn, "arn:") {
				count++
			}
		}
		return count == n
	})
}

func TestAnEndpointConfirmsAndGetsMessages(t *testing.T) {
	f, e := start(t), listen(t)
	topic := f.topic()
	out, err := f.client.Subscribe(background, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("http"), Endpoint: aws.String(e.URL + "/hook")})
	require.NoError(t, err)
	assert.Equal(t, "pending confirmation", *out.SubscriptionArn)
	f.confirmed(topic, 1)
	f.publish(topic, "it <burns> & smokes", map[string]types.MessageAttributeValue{"level": {DataType: aws.String("Number"), StringValue: aws.String("3")}})
	f.eventually("the message is there", func() bool { return len(e.notifications("Notification")) == 1 })
	got := e.notifications("Notification")[0]
	var message map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.body), &message))
	assert.Equal(t, "it <burns> & smokes", message["Message"])
	assert.Equal(t, "Hello", message["Subject"])
	assert.Equal(t, *topic, message["TopicArn"])
	assert.Equal(t, map[string]any{"level": map[string]any{"Type": "Number", "Value": "3"}}, message["MessageAttributes"])
	assert.Equal(t, "", message["Signature"], "the lab signs as nobody")
	assert.Equal(t, message["MessageId"], got.header.Get("X-Amz-Sns-Message-Id"))
	assert.Equal(t, "text/plain; charset=UTF-8", got.header.Get("Content-Type"))
	assert.Equal(t, "Amazon Simple Notification Service Agent", got.header.Get("User-Agent"))
	answer, err := http.Get(message["UnsubscribeURL"].(string))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, 200, answer.StatusCode)
	f.eventually("it is told that it has left", func() bool { return len(e.notifications("UnsubscribeConfirmation")) == 1 })
	f.confirmed(topic, 0)
}

func TestNothingIsDeliveredBeforeTheConfirmation(t *testing.T) {
	f, e := start(t), listen(t)
	e.confirm = false
	topic := f.topic()
	arn := f.subscribe(topic, "http", e.URL, nil)
	f.eventually("it is asked", func() bool { return len(e.notifications("SubscriptionConfirmation")) == 1 })
	f.publish(topic, "early", nil)
	_, err := f.client.ConfirmSubscription(background, &awssns.ConfirmSubscriptionInput{TopicArn: topic, Token: aws.String("guessed")})
	requireCode(t, "InvalidParameter", err)
	_, err = f.client.Unsubscribe(background, &awssns.UnsubscribeInput{SubscriptionArn: arn})
	assert.Contains(t, requireCode(t, "InvalidParameter", err), "Cannot unsubscribe a subscription that is pending confirmation")
	var asked struct{ Token string }
	require.NoError(t, json.Unmarshal([]byte(e.notifications("SubscriptionConfirmation")[0].body), &asked))
	_, err = f.client.ConfirmSubscription(background, &awssns.ConfirmSubscriptionInput{TopicArn: topic, Token: &asked.Token, AuthenticateOnUnsubscribe: aws.String("true")})
	require.NoError(t, err)
	f.publish(topic, "late", nil)
	f.eventually("the message is there", func() bool { return len(e.notifications("Notification")) == 1 })
	assert.Contains(t, e.notifications("Notification")[0].body, "late")
	var message struct{ UnsubscribeURL string }
	require.NoError(t, json.Unmarshal([]byte(e.notifications("Notification")[0].body), &message))
	answer, err := http.Get(message.UnsubscribeURL)
	require.NoError(t, err)
	answer.Body.Close()
	assert.Equal(t, http.StatusForbidden, answer.StatusCode, "only the account may end a guarded subscription")
}

var linkIn = regexp.MustCompile(`http://\S+`)

func TestMailIsConfirmedByItsLinkAndRead(t *testing.T) {
	f := start(t)
	topic := f.topic()
	f.subscribe(topic, "email", "ops@example.org", nil)
	f.subscribe(topic, "email-json", "robot@example.org", nil)
	box := func(address string) (all []string) {
		paths, err := filepath.Glob(filepath.Join(f.dir, "mailbox", address, "*.eml"))
		require.NoError(t, err)
		return paths
	}
	for _, address := range []string{"ops@example.org", "robot@example.org"} {
		f.eventually("the question is there", func() bool { return len(box(address)) == 1 })
		_, body := read(t, box(address)[0])
		link := strings.Trim(linkIn.FindString(body), `",`)
		answer, err := http.Get(strings.ReplaceAll(link, `\u0026`, "&"))
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, 200, answer.StatusCode, link)
	}
	f.confirmed(topic, 2)
	f.publish(topic, "Grüße = viele", nil)
	f.eventually("the mail is there", func() bool { return len(box("ops@example.org")) == 2 && len(box("robot@example.org")) == 2 })
	letter, body := read(t, box("ops@example.org")[1])
	assert.Equal(t, "Hello", letter.Get("Subject"))
	assert.Equal(t, "ops@example.org", letter.Get("To"))
	assert.Contains(t, body, "Grüße = viele")
	_, body = read(t, box("robot@example.org")[1])
	var message struct{ Message string }
	require.NoError(t, json.Unmarshal([]byte(body), &message))
	assert.Equal(t, "Grüße = viele", message.Message)
}

// read reads a mail as any reader of mail would.
func read(t *testing.T, path string) (mail.Header, string) {
	raw, err := os.Open(path)
	require.NoError(t, err)
	defer raw.Close()
	letter, err := mail.ReadMessage(raw)
	require.NoError(t, err)
	body, err := io.ReadAll(quoted(letter.Body))
	require.NoError(t, err)
	return letter.Header, string(body)
}

const impatient = `{"healthyRetryPolicy":{"numRetries":4,"numNoDelayRetries":4,"minDelayTarget":1,"maxDelayTarget":1}}`

func TestAFailingEndpointIsTriedAgainAndGivenUp(t *testing.T) {
	f, e := start(t), listen(t)
	topic := f.topic()
	f.subscribe(topic, "http", e.URL, map[string]string{"DeliveryPolicy": impatient})
	f.confirmed(topic, 1)
	e.set(http.StatusServiceUnavailable)
	f.publish(topic, "hard", nil)
	f.eventually("it is given up", func() bool { return len(f.failures()) == 1 })
	assert.Len(t, e.notifications("Notification"), 5, "once, and four times again")
	assert.Contains(t, f.failures()[0].Reason, "503")
	e.set(http.StatusNotFound)
	f.publish(topic, "gone", nil)
	f.eventually("it is given up", func() bool { return len(f.failures()) == 2 })
	assert.Len(t, e.notifications("Notification"), 6, "what the client did wrong is not tried again")
}

func TestMessagesOutliveTheLab(t *testing.T) {
	f, e := start(t), listen(t)
	topic := f.topic()
	f.subscribe(topic, "http", e.URL, map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy":{"numRetries":100,"minDelayTarget":1,"maxDelayTarget":1}}`})
	f.confirmed(topic, 1)
	e.set(http.StatusInternalServerError)
	f.publish(topic, "patience", nil)
	f.eventually("it was tried", func() bool { return len(e.notifications("Notification")) > 0 })
	f.stop()
	e.set(http.StatusOK)
	before := len(e.notifications("Notification"))
	f.open()
	f.eventually("it is tried again", func() bool { return len(e.notifications("Notification")) > before })
	assert.Empty(t, f.failures())
}

func TestFiltersAndRawDelivery(t *testing.T) {
	f, e := start(t), listen(t)
	topic := f.topic()
	f.subscribe(topic, "http", e.URL+"/a", map[string]string{"FilterPolicy": `{"level":[{"numeric":[">",2]}]}`})
	f.subscribe(topic, "http", e.URL+"/b", map[string]string{"FilterPolicy": `{"detail":{"state":["ALARM"]}}`, "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"})
	f.confirmed(topic, 2)
	level := func(n string) map[string]types.MessageAttributeValue {
		return map[string]types.MessageAttributeValue{"level": {DataType: aws.String("Number"), StringValue: &n}}
	}
	f.publish(topic, "low", level("1"))
	f.publish(topic, "high", level("3"))
	f.publish(topic, `{"detail":{"state":"OK"}}`, nil)
	f.publish(topic, `{"detail":{"state":"ALARM"}}`, nil)
	f.eventually("both are there", func() bool { return len(e.notifications("Notification")) == 2 })
	time.Sleep(100 * time.Millisecond) // nothing else may come
	got := e.notifications("Notification")
	require.Len(t, got, 2)
	for _, one := range got {
		if one.header.Get("X-Amz-Sns-Rawdelivery") == "true" {
			assert.Equal(t, `{"detail":{"state":"ALARM"}}`, one.body)
		} else {
			assert.Contains(t, one.body, "high")
		}
	}
}

func TestNothingLeavesTheMachine(t *testing.T) {
	f := start(t)
	topic := f.topic()
	_, err := f.client.Subscribe(background, &awssns.SubscribeInput{TopicArn: topic, Protocol: aws.String("https"), Endpoint: aws.String("https://192.0.2.7/hook")})
	assert.Contains(t, requireCode(t, "InvalidParameter", err), "outside of this machine")
	f.subscribe(topic, "https", "https://hooks.example.com/x", nil)
	f.eventually("the confirmation is given up", func() bool { return len(f.failures()) == 1 })
	assert.Contains(t, f.failures()[0].Reason, sns.ErrOutside.Error())
}

func TestTheProvidersLifeOfATopic(t *testing.T) {
	f := start(t)
	made, err := f.client.CreateTopic(background, &awssns.CreateTopicInput{
		Name: aws.String("alerts"), Attributes: map[string]string{"DisplayName": "Alerts", "KmsMasterKeyId": "alias/aws/sns"}, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("alerts")}},
	})
	require.NoError(t, err)
	_, err = f.client.CreateTopic(background, &awssns.CreateTopicInput{Name: aws.String("alerts"), Attributes: map[string]string{"DisplayName": "Others"}})
	requireCode(t, "InvalidParameter", err)
	_, err = f.client.SetTopicAttributes(background, &awssns.SetTopicAttributesInput{TopicArn: made.TopicArn, AttributeName: aws.String("Policy"), AttributeValue: aws.String(`{"Statement":[]}`)})
	require.NoError(t, err)
	for _, protocol := range []string{"Application", "Firehose", "HTTP", "Lambda", "SQS"} {
		set := &awssns.SetTopicAttributesInput{TopicArn: made.TopicArn, AttributeName: aws.String(protocol + "SuccessFeedbackSampleRate"), AttributeValue: aws.String("0")}
		_, err = f.client.SetTopicAttributes(background, set)
		require.NoError(t, err, "the provider sends it with each topic")
		set.AttributeValue = aws.String("101")
		_, err = f.client.SetTopicAttributes(background, set)
		requireCode(t, "InvalidParameter", err)
	}
	attributes, err := f.client.GetTopicAttributes(background, &awssns.GetTopicAttributesInput{TopicArn: made.TopicArn})
	require.NoError(t, err)
	assert.Equal(t, "Alerts", attributes.Attributes["DisplayName"])
	assert.Equal(t, `{"Statement":[]}`, attributes.Attributes["Policy"])
	assert.JSONEq(t, `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,
		"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}`,
		attributes.Attributes["EffectiveDeliveryPolicy"])
	tags, err := f.client.ListTagsForResource(background, &awssns.ListTagsForResourceInput{ResourceArn: made.TopicArn})
	require.NoError(t, err)
	assert.Len(t, tags.Tags, 1)
	_, err = f.client.DeleteTopic(background, &awssns.DeleteTopicInput{TopicArn: made.TopicArn})
	require.NoError(t, err)
	_, err = f.client.GetTopicAttributes(background, &awssns.GetTopicAttributesInput{TopicArn: made.TopicArn})
	requireCode(t, "NotFound", err)
	_, err = f.client.Publish(background, &awssns.PublishInput{TopicArn: made.TopicArn, Message: aws.String("x")})
	requireCode(t, "NotFound", err)
}

func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	f := start(t)
	topic := f.topic()
	for _, protocol := range []string{"sqs", "lambda", "sms"} {
		_, err := f.client.Subscribe(background, &awssns.SubscribeInput{TopicArn: topic, Protocol: &protocol, Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:q")})
		assert.Contains(t, requireCode(t, "InvalidParameter", err), protocol)
	}
	_, err := f.client.CreateTopic(background, &awssns.CreateTopicInput{Name: aws.String("a.fifo"), Attributes: map[string]string{"FifoTopic": "true"}})
	assert.Contains(t, requireCode(t, "InvalidParameter", err), "FIFO")
	_, err = f.client.SetTopicAttributes(background, &awssns.SetTopicAttributesInput{TopicArn: topic, AttributeName: aws.String("HTTPFailureFeedbackRoleArn"), AttributeValue: aws.String("x")})
	assert.Contains(t, requireCode(t, "InvalidParameter", err), "HTTPFailureFeedbackRoleArn")
	_, err = f.client.PutDataProtectionPolicy(background, &awssns.PutDataProtectionPolicyInput{ResourceArn: topic, DataProtectionPolicy: aws.String("{}")})
	requireCode(t, "InvalidAction", err)
	batch, err := f.client.PublishBatch(background, &awssns.PublishBatchInput{TopicArn: topic, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("a")}, {Id: aws.String("2"), Message: aws.String("b"), MessageGroupId: aws.String("g")},
	}})
	require.NoError(t, err)
	assert.Len(t, batch.Successful, 1)
	assert.Len(t, batch.Failed, 1)
}

func quoted(r io.Reader) io.Reader { return quotedprintable.NewReader(r) }
