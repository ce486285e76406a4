package ssm

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// reach is how a node can be reached now.
type reach int

const (
	unknown reach = iota // the instance is no more, or is no managed node
	away                 // its agent is not online
	here
)

// plan moves a command's invocations on as far as their nodes, its limits and the time have it, and says which are to be
// started; those are in progress then. all are changed in place.
func (c *command) plan(all []*invocation, where func(instance string) reach, now time.Time) (start []*invocation) {
	errors, running := 0, 0
	for _, i := range all {
		if i.countsAsError() {
			errors++
		}
		if i.runs() {
			running++
		}
	}
	exceeded := errors > share(c.MaxErrors, len(all), 0)
	for _, i := range all {
		if i.over() || i.runs() {
			continue
		}
		at := where(i.Instance)
		switch {
		case i.Cancelled:
			i.end(types.CommandInvocationStatusCancelled, "Cancelled", now)
		case exceeded:
			i.end(types.CommandInvocationStatusCancelled, terminated, now)
		case at == unknown:
			i.end(types.CommandInvocationStatusFailed, undeliverable, now)
		case now.Sub(i.Requested) >= c.Timeout:
			i.end(types.CommandInvocationStatusTimedOut, deliveryTimedOut, now)
		case at == away:
			i.Status, i.Details = types.CommandInvocationStatusDelayed, "Delayed"
		case running < max(1, share(c.MaxConcurrency, len(all), len(all))):
			running++
			i.Status, i.Details, i.Started = types.CommandInvocationStatusInProgress, "InProgress", now
			start = append(start, i)
		}
	}
	for _, i := range all {
		if i.runs() && i.Cancelled {
			i.Status, i.Details = types.CommandInvocationStatusCancelling, "Cancelling"
		}
	}
	c.sum(all)
	return start
}

// share reads a limit, a number or a percentage of all.
func share(text string, all, otherwise int) int {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return otherwise
	case percent:
		return all * n / 100
	}
	return n
}

// countsAsError tells whether an invocation counts against MaxErrors: what could not be delivered does not.
func (i *invocation) countsAsError() bool {
	return i.Status == types.CommandInvocationStatusFailed && i.Details != undeliverable || i.Details == executionTimedOut
}

// sum works out a command's status from its invocations'.
func (c *command) sum(all []*invocation) {
	count := map[string]int{}
	ended, begun := 0, 0
	for _, i := range all {
		count[i.Details]++
		if i.over() {
			ended++
		}
		if !i.Started.IsZero() {
			begun++
		}
	}
	switch {
	case len(all) == 0:
		c.Status, c.Details = types.CommandStatusFailed, noInstancesInTag
	case ended == len(all):
		c.conclude(count, len(all))
	case c.Cancelled:
		c.Status, c.Details = types.CommandStatusCancelling, "Cancelling"
	case begun > 0 || ended > 0:
		c.Status, c.Details = types.CommandStatusInProgress, "InProgress"
	default:
		c.Status, c.Details = types.CommandStatusPending, "Pending"
	}
}

func (c *command) conclude(count map[string]int, all int) {
	errors := count["Failed"] + count[executionTimedOut]
	switch {
	case c.Cancelled && count["Cancelled"] > 0:
		c.Status, c.Details = types.CommandStatusCancelled, "Cancelled"
	case count["Success"]+count[undeliverable] == all && count["Success"] > 0:
		c.Status, c.Details = types.CommandStatusSuccess, "Success"
	case errors > share(c.MaxErrors, all, 0) && count[executionTimedOut] == errors:
		c.Status, c.Details = types.CommandStatusTimedOut, executionTimedOut
	case errors > share(c.MaxErrors, all, 0):
		c.Status, c.Details = types.CommandStatusFailed, "Failed"
	case count[deliveryTimedOut] > share(c.MaxErrors, all, 0):
		c.Status, c.Details = types.CommandStatusTimedOut, deliveryTimedOut
	case count[undeliverable] == all:
		c.Status, c.Details = types.CommandStatusFailed, undeliverable
	default:
		c.Status, c.Details = types.CommandStatusFailed, incomplete
	}
}
