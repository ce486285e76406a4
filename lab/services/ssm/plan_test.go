package ssm

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var begun = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func aCommand(n int) (*command, []*invocation) {
	c := &command{ID: "c", MaxConcurrency: "50", MaxErrors: "0", Timeout: time.Minute, Requested: begun}
	for i := range n {
		c.Nodes = append(c.Nodes, fmt.Sprintf("i-%02d", i))
	}
	return c, c.invocations()
}

func everywhere(r reach) func(string) reach { return func(string) reach { return r } }

func statuses(all []*invocation) (text []string) {
	for _, i := range all {
		text = append(text, i.Details)
	}
	return text
}

func TestConcurrencyLimitsWhatIsStarted(t *testing.T) {
	c, all := aCommand(4)
	c.MaxConcurrency = "50%"
	require.Len(t, c.plan(all, everywhere(here), begun), 2)
	require.Equal(t, []string{"InProgress", "InProgress", "Pending", "Pending"}, statuses(all))
	require.Equal(t, types.CommandStatusInProgress, c.Status)
	require.Empty(t, c.plan(all, everywhere(here), begun))
	all[0].end(types.CommandInvocationStatusSuccess, "Success", begun)
	require.Equal(t, []*invocation{all[2]}, c.plan(all, everywhere(here), begun))
}

func TestErrorsBeyondTheLimitEndTheRest(t *testing.T) {
	c, all := aCommand(4)
	c.MaxConcurrency, c.MaxErrors = "1", "1"
	for n := range 2 {
		require.Len(t, c.plan(all, everywhere(here), begun), 1, n)
		all[n].end(types.CommandInvocationStatusFailed, "Failed", begun)
	}
	require.Empty(t, c.plan(all, everywhere(here), begun))
	require.Equal(t, []string{"Failed", "Failed", terminated, terminated}, statuses(all))
	require.Equal(t, types.CommandStatusFailed, c.Status)
}

// What a command comes to, from what its invocations came to.
func TestACommandsStatus(t *testing.T) {
	failed := types.CommandInvocationStatusFailed
	for _, test := range []struct {
		name    string
		errors  string
		ends    []string
		status  types.CommandStatus
		details string
		cancel  bool
	}{
		{"all well", "0", []string{"Success", "Success"}, types.CommandStatusSuccess, "Success", false},
		{"one failed", "0", []string{"Success", "Failed"}, types.CommandStatusFailed, "Failed", false},
		{"one failed, as it may", "1", []string{"Success", "Failed"}, types.CommandStatusFailed, incomplete, false},
		{"one took too long", "0", []string{"Success", executionTimedOut}, types.CommandStatusTimedOut, executionTimedOut, false},
		{"one was never there", "0", []string{"Success", deliveryTimedOut}, types.CommandStatusTimedOut, deliveryTimedOut, false},
		{"one was never there, as it may", "1", []string{"Success", deliveryTimedOut}, types.CommandStatusFailed, incomplete, false},
		{"one was terminated meanwhile", "0", []string{"Success", undeliverable}, types.CommandStatusSuccess, "Success", false},
		{"all were terminated", "0", []string{undeliverable, undeliverable}, types.CommandStatusFailed, undeliverable, false},
		{"cancelled", "0", []string{"Success", "Cancelled"}, types.CommandStatusCancelled, "Cancelled", true},
		{"no node", "0", nil, types.CommandStatusFailed, noInstancesInTag, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, all := aCommand(len(test.ends))
			c.MaxErrors, c.Cancelled = test.errors, test.cancel
			for n, details := range test.ends {
				all[n].end(map[string]types.CommandInvocationStatus{
					"Success": types.CommandInvocationStatusSuccess, executionTimedOut: types.CommandInvocationStatusTimedOut,
					deliveryTimedOut: types.CommandInvocationStatusTimedOut, "Cancelled": types.CommandInvocationStatusCancelled, "Failed": failed, undeliverable: failed,
				}[details], details, begun)
			}
			require.Empty(t, c.plan(all, everywhere(here), begun))
			assert.Equal(t, test.status, c.Status)
			assert.Equal(t, test.details, c.Details)
			assert.True(t, c.over())
		})
	}
}

func TestWhatCannotBeDelivered(t *testing.T) {
	c, all := aCommand(3)
	where := map[string]reach{"i-00": away, "i-01": unknown, "i-02": here}
	require.Equal(t, []*invocation{all[2]}, c.plan(all, func(id string) reach { return where[id] }, begun))
	require.Equal(t, []string{"Delayed", undeliverable, "InProgress"}, statuses(all))
	all[2].end(types.CommandInvocationStatusSuccess, "Success", begun)
	c.plan(all, func(id string) reach { return where[id] }, begun.Add(59*time.Second))
	require.Equal(t, "Delayed", all[0].Details)
	c.plan(all, func(id string) reach { return where[id] }, begun.Add(time.Minute))
	require.Equal(t, deliveryTimedOut, all[0].Details)
	require.True(t, c.over())
}

func TestCancellation(t *testing.T) {
	c, all := aCommand(2)
	c.MaxConcurrency = "1"
	c.plan(all, everywhere(here), begun)
	c.Cancelled, all[0].Cancelled, all[1].Cancelled = true, true, true
	require.Empty(t, c.plan(all, everywhere(here), begun))
	require.Equal(t, []string{"Cancelling", "Cancelled"}, statuses(all))
	require.Equal(t, types.CommandStatusCancelling, c.Status)
}

// However nodes come and go and work ends, a command never runs at more nodes than it may, what is over stays as it is,
// and in the end everything is over.
func TestPlansKeepTheirLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, all := aCommand(rapid.IntRange(1, 8).Draw(t, "nodes"))
		limit := rapid.IntRange(1, 8).Draw(t, "concurrency")
		c.MaxConcurrency, c.MaxErrors = fmt.Sprint(limit), fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "errors"))
		now := begun
		for range 40 {
			before := statuses(all)
			c.plan(all, func(string) reach { return reach(rapid.IntRange(0, 2).Draw(t, "reach")) }, now)
			running := 0
			for n, i := range all {
				if i.runs() {
					running++
				}
				if before[n] == "Success" || before[n] == "Failed" || before[n] == terminated || before[n] == undeliverable {
					require.Equal(t, before[n], i.Details)
				}
			}
			require.LessOrEqual(t, running, limit)
			for _, i := range all {
				if i.runs() && rapid.Bool().Draw(t, "ends") {
					if rapid.Bool().Draw(t, "well") {
						i.end(types.CommandInvocationStatusSuccess, "Success", now)
					} else {
						i.end(types.CommandInvocationStatusFailed, "Failed", now)
					}
				}
			}
			now = now.Add(3 * time.Second)
		}
		for _, i := range all {
			if i.runs() {
				i.end(types.CommandInvocationStatusSuccess, "Success", now)
			}
		}
		c.plan(all, everywhere(away), now)
		require.True(t, c.over(), "%v", statuses(all))
	})
}
