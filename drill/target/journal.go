package target

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Journal is every call that a drill made to AWS's API.
type Journal struct {
	mu    sync.Mutex
	to    io.Writer // may be nil
	calls map[string]int
	begun time.Time
}

// NewJournal returns a journal that writes a line of JSON for each call to a writer, which may be nil.
func NewJournal(to io.Writer) *Journal {
	return &Journal{to: to, calls: map[string]int{}, begun: time.Now()}
}

// entry is a line of the journal. Parameters are left out: they may be secrets.
type entry struct {
	At     float64 `json:"at"`   // seconds since the journal began
	Took   float64 `json:"took"` // seconds
	Action string  `json:"action"`
	Error  string  `json:"error,omitempty"`
}

// Journaled returns a configuration whose clients write into the journal.
func (j *Journal) Journaled(config aws.Config) aws.Config {
	config = config.Copy()
	config.APIOptions = append(slices.Clone(config.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("journal", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			begun := time.Now()
			out, metadata, err := next.HandleInitialize(ctx, in)
			j.add(Action(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx)), begun, err)
			return out, metadata, err
		}), middleware.After)
	})
	return config
}

func (j *Journal) add(action string, begun time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls[action]++
	if j.to == nil {
		return
	}
	line := entry{At: begun.Sub(j.begun).Seconds(), Took: time.Since(begun).Seconds(), Action: action}
	if err != nil {
		line.Error = err.Error()
	}
	raw, err := json.Marshal(line)
	if err == nil {
		_, _ = fmt.Fprintln(j.to, string(raw)) // evidence that can't be written must not end a drill
	}
}

// Actions lists the IAM actions that were called, sorted.
func (j *Journal) Actions() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.calls))
}

// Counts returns how often each IAM action was called until now.
func (j *Journal) Counts() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.calls)
}

// prefixes are the names of services in IAM where they are not the SDK's, lower-cased and without spaces:
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var prefixes = map[string]string{
	"elasticloadbalancingv2": "elasticloadbalancing", "efs": "elasticfilesystem", "networkfirewall": "network-firewall",
	"cloudwatchlogs": "logs", "arczonalshift": "arc-zonal-shift",
}

// Action is the IAM action that an operation needs, such as rds:FailoverDBCluster.
func Action(service, operation string) string {
	prefix := strings.ToLower(strings.ReplaceAll(service, " ", ""))
	if other, ok := prefixes[prefix]; ok {
		prefix = other
	}
	return prefix + ":" + operation
}
