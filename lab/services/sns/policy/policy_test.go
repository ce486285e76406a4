package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/sns/policy"
)

func TestTheDefaultTriesThreeTimesAgain(t *testing.T) {
	d, err := policy.Topic("")
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{20 * time.Second, 20 * time.Second, 20 * time.Second}, d.Retry.Delays())
}

func TestPhases(t *testing.T) {
	topic, err := policy.Topic("")
	require.NoError(t, err)
	for function, growing := range map[string][]float64{
		"linear": {1, 4, 7, 10}, "geometric": {1, 2, 5, 10}, "arithmetic": {1, 3, 6, 10}, "exponential": {1, 2.154, 4.642, 10},
	} {
		d, err := policy.Subscription(`{"healthyRetryPolicy":{"numRetries":8,"numNoDelayRetries":1,"numMinDelayRetries":2,"numMaxDelayRetries":1,
			"minDelayTarget":1,"maxDelayTarget":10,"backoffFunction":"`+function+`"}}`, topic)
		require.NoError(t, err)
		want := append(append([]float64{0, 1, 1}, growing...), 10)
		got := d.Retry.Delays()
		require.Len(t, got, len(want))
		for i := range want {
			assert.InDelta(t, want[i], got[i].Seconds(), 0.001, "%s, retry %d", function, i+1)
		}
	}
}

func TestATopicCanForbidOverrides(t *testing.T) {
	topic, err := policy.Topic(`{"http":{"disableSubscriptionOverrides":true,"defaultHealthyRetryPolicy":{"numRetries":1,"minDelayTarget":5,"maxDelayTarget":5}}}`)
	require.NoError(t, err)
	d, err := policy.Subscription(`{"healthyRetryPolicy":{"numRetries":50}}`, topic)
	require.NoError(t, err)
	assert.Len(t, d.Retry.Delays(), 1)
}

func TestBadPoliciesAreRefused(t *testing.T) {
	for _, retry := range []string{`{"numRetries":101}`, `{"minDelayTarget":30}`, `{"numNoDelayRetries":4}`, `{"backoffFunction":"random"}`, `{"maxDelayTarget":3601}`, `[]`} {
		_, err := policy.Subscription(`{"healthyRetryPolicy":`+retry+`}`, policy.Delivery{Retry: policy.Default()})
		assert.Error(t, err, retry)
	}
	_, err := policy.Subscription(`{"throttlePolicy":{"maxReceivesPerSecond":1}}`, policy.Delivery{Retry: policy.Default()})
	assert.ErrorContains(t, err, "throttlePolicy")
}
