package ssm

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
	"haven/lab/services/ssm/document"
)

// command is one SendCommand; its invocations, one a node, are rows of their own.
type command struct {
	ID             string
	Document       string
	Version        string
	Comment        string
	Parameters     map[string][]string
	Instances      []string       // as they were given
	Targets        []types.Target // as they were given
	Nodes          []string       // what both came to
	MaxConcurrency string
	MaxErrors      string
	Timeout        time.Duration // for its delivery
	Work           []document.Work
	Output         output
	Requested      time.Time
	Cancelled      bool // somebody asked for its end
	Status         types.CommandStatus
	Details        string
}

// output is where outputs go besides the invocation's record.
type output struct {
	Bucket, Prefix string // empty: not to S3
	Group          string // empty: not to CloudWatch Logs
}

// invocation is a command at one node.
type invocation struct {
	Command   string
	Instance  string
	Requested time.Time
	Started   time.Time
	Ended     time.Time
	Cancelled bool
	Status    types.CommandInvocationStatus
	Details   string
	Plugins   []plugin
}

// plugin is one step of an invocation.
type plugin struct {
	Name           string
	Status         types.CommandPluginStatus
	Details        string
	Code           int32
	Stdout, Stderr string // as much as is shown
	Started, Ended time.Time
}

var (
	commands    = cloud.NewTable[command]("ssm.commands")
	invocations = cloud.NewTable[invocation]("ssm.invocations")
)

// Gone tells that a command is no resource.
func (*command) Gone() bool { return true }

// Gone tells that an invocation is no resource.
func (*invocation) Gone() bool { return true }

func (i *invocation) key() string { return i.Command + "/" + i.Instance }

// Details of statuses, as AWS writes them
// (https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html).
const (
	deliveryTimedOut  = "DeliveryTimedOut"
	executionTimedOut = "ExecutionTimedOut"
	undeliverable     = "Undeliverable"
	terminated        = "Terminated"
	incomplete        = "Incomplete"
	noInstancesInTag  = "NoInstancesInTag"
)

// over tells whether an invocation has reached its end.
func (i *invocation) over() bool {
	switch i.Status {
	case types.CommandInvocationStatusPending, types.CommandInvocationStatusDelayed, types.CommandInvocationStatusInProgress, types.CommandInvocationStatusCancelling:
		return false
	}
	return true
}

// runs tells whether a node is at it.
func (i *invocation) runs() bool {
	return i.Status == types.CommandInvocationStatusInProgress || i.Status == types.CommandInvocationStatusCancelling
}

func (i *invocation) end(status types.CommandInvocationStatus, details string, now time.Time) {
	i.Status, i.Details, i.Ended = status, details, now
}

// over tells whether a command has reached its end.
func (c *command) over() bool {
	switch c.Status {
	case types.CommandStatusPending, types.CommandStatusInProgress, types.CommandStatusCancelling:
		return false
	}
	return true
}

// invocationsOf returns a command's invocations in the order of their instances.
func invocationsOf(tx *cloud.Tx, region, id string) ([]*invocation, error) {
	return invocations.ListPrefix(tx, region, id+"/")
}
