package ssm_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/ec2"
	"haven/lab/services/iam/policy"
	"haven/lab/services/ssm"
	"haven/lab/wire/wiretest"
)

// fleet are instances whose agents do what the test says.
type fleet struct {
	mu    sync.Mutex
	nodes map[string]ec2.ManagedNode
	ran   []machine.Script
	do    func(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error)
}

func (f *fleet) ManagedNodes(_ *cloud.Tx, region string) (all []ec2.ManagedNode, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if region == "us-east-1" {
		for _, n := range f.nodes {
			all = append(all, n)
		}
	}
	return all, nil
}

func (f *fleet) RunScript(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error) {
	f.mu.Lock()
	f.ran = append(f.ran, script)
	do := f.do
	f.mu.Unlock()
	return do(ctx, id, script)
}

// Ask lets every role but one register.
func (f *fleet) Ask(ctx context.Context, _ *cloud.Tx, question policy.Question) error {
	if cloud.CallFrom(ctx).Principal.Role == "powerless" {
		return errors.New("no")
	}
	return nil
}

func (f *fleet) set(id, role string, state ec2types.InstanceStateName, reached bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := ec2.ManagedNode{ID: id, State: state, Role: role, Tags: map[string]string{"tier": "web"}, Address: "10.0.0.4"}
	if reached {
		n.Agent.Reached = time.Now()
	}
	f.nodes[id] = n
}

type stage struct {
	*testing.T
	*fleet
	client *awsssm.Client
	store  *cloud.Store
	end    func()
}

func play(t *testing.T) *stage {
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	s := &stage{T: t, store: store, fleet: &fleet{nodes: map[string]ec2.ManagedNode{}, do: echo}}
	s.begin()
	return s
}

func echo(_ context.Context, id string, script machine.Script) (machine.ScriptResult, error) {
	return machine.ScriptResult{Stdout: []byte(id + " ran " + script.Text)}, nil
}

// begin starts the service over the store, anew after a restart of the lab.
func (s *stage) begin() {
	service := ssm.New(s.store, nil)
	service.Use(ssm.WithNodes(s.fleet), ssm.WithPermissions(s.fleet))
	s.client = awsssm.NewFromConfig(wiretest.New(s.T, map[string]any{"ssm": service}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	s.end = sync.OnceFunc(func() {
		cancel()
		require.NoError(s, <-done)
	})
	s.Cleanup(s.end)
}

func (s *stage) send(change func(*awsssm.SendCommandInput)) string {
	s.Helper()
	in := &awsssm.SendCommandInput{DocumentName: aws.String("AWS-RunShellScript"), Parameters: map[string][]string{"commands": {"uptime"}}}
	change(in)
	out, err := s.client.SendCommand(background, in)
	require.NoError(s, err)
	return *out.Command.CommandId
}

func (s *stage) becomes(id, details string) types.Command {
	s.Helper()
	var last types.Command
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		out, err := s.client.ListCommands(background, &awsssm.ListCommandsInput{CommandId: &id})
		require.NoError(s, err)
		if last = out.Commands[0]; *last.StatusDetails == details {
			return last
		}
	}
	require.Equal(s, details, *last.StatusDetails)
	return last
}

func (s *stage) invocation(id, instance string) *awsssm.GetCommandInvocationOutput {
	s.Helper()
	out, err := s.client.GetCommandInvocation(background, &awsssm.GetCommandInvocationInput{CommandId: &id, InstanceId: &instance})
	require.NoError(s, err)
	return out
}

func to(ids ...string) func(*awsssm.SendCommandInput) {
	return func(in *awsssm.SendCommandInput) { in.InstanceIds = ids }
}

func TestACommandRuns(t *testing.T) {
	s := play(t)
	s.set("i-1", "web", "running", true)
	id := s.send(to("i-1"))
	done := s.becomes(id, "Success")
	assert.EqualValues(t, 1, done.CompletedCount)
	out := s.invocation(id, "i-1")
	assert.Equal(t, "i-1 ran uptime\n", *out.StandardOutputContent)
	assert.Equal(t, types.CommandInvocationStatusSuccess, out.Status)
	assert.Equal(t, "aws:runShellScript", *out.PluginName)
	listed, err := s.client.ListCommandInvocations(background, &awsssm.ListCommandInvocationsInput{CommandId: &id, Details: true})
	require.NoError(t, err)
	assert.Equal(t, "i-1 ran uptime\n", *listed.CommandInvocations[0].CommandPlugins[0].Output)
	assert.Equal(t, time.Hour, s.ran[0].Timeout)
	assert.Contains(t, s.ran[0].Environ, "AWS_SSM_INSTANCE_ID=i-1")
}

func TestNodesAreOnlineWhenTheirAgentsAre(t *testing.T) {
	s := play(t)
	s.set("i-online", "web", "running", true)
	s.set("i-roleless", "", "running", true)
	s.set("i-powerless", "powerless", "running", true)
	s.set("i-cutoff", "web", "running", false)
	pings := func() map[string]types.PingStatus {
		out, err := s.client.DescribeInstanceInformation(background, &awsssm.DescribeInstanceInformationInput{})
		require.NoError(t, err)
		all := map[string]types.PingStatus{}
		for _, n := range out.InstanceInformationList {
			all[*n.InstanceId] = n.PingStatus
		}
		return all
	}
	require.Equal(t, map[string]types.PingStatus{"i-online": types.PingStatusOnline}, pings())
	for _, id := range []string{"i-roleless", "i-powerless", "i-cutoff", "i-none"} {
		_, err := s.client.SendCommand(background, &awsssm.SendCommandInput{
			DocumentName: aws.String("AWS-RunShellScript"), Parameters: map[string][]string{"commands": {"true"}}, InstanceIds: []string{id},
		})
		requireCode(t, "InvalidInstanceId", err)
	}
	s.becomes(s.send(to("i-online")), "Success") // by now it has been written down
	s.set("i-online", "web", "stopped", false)
	require.Equal(t, map[string]types.PingStatus{"i-online": types.PingStatusConnectionLost}, pings())
	waits := s.send(to("i-online"))
	s.becomes(waits, "Pending")
	s.set("i-online", "web", "running", true)
	s.becomes(waits, "Success")
}

func TestFailuresAreTold(t *testing.T) {
	s := play(t)
	for _, id := range []string{"i-1", "i-2", "i-3"} {
		s.set(id, "web", "running", true)
	}
	s.do = func(_ context.Context, id string, script machine.Script) (machine.ScriptResult, error) {
		return machine.ScriptResult{Exit: 3, Stderr: []byte(strings.Repeat("x", 30000)), Stdout: []byte(strings.Repeat("y", 30000))}, nil
	}
	id := s.send(func(in *awsssm.SendCommandInput) {
		in.Targets = []types.Target{{Key: aws.String("tag:tier"), Values: []string{"web"}}}
		in.MaxConcurrency, in.MaxErrors = aws.String("1"), aws.String("1")
	})
	failed := s.becomes(id, "Failed")
	assert.EqualValues(t, 3, failed.TargetCount)
	assert.EqualValues(t, 2, failed.ErrorCount)
	listed, err := s.client.ListCommandInvocations(background, &awsssm.ListCommandInvocationsInput{CommandId: &id, Filters: []types.CommandFilter{{Key: types.CommandFilterKeyStatus, Value: aws.String("Cancelled")}}})
	require.NoError(t, err)
	require.Len(t, listed.CommandInvocations, 1)
	assert.Equal(t, "Terminated", *listed.CommandInvocations[0].StatusDetails)
	out := s.invocation(id, "i-1")
	assert.EqualValues(t, 3, out.ResponseCode)
	assert.Len(t, *out.StandardOutputContent, 24000)
	assert.Len(t, *out.StandardErrorContent, 8000)
	assert.True(t, strings.HasSuffix(*out.StandardErrorContent, "--output truncated--"))

	s.do = func(context.Context, string, machine.Script) (machine.ScriptResult, error) {
		return machine.ScriptResult{Exit: 137, TimedOut: true}, nil
	}
	late := s.send(to("i-1"))
	s.becomes(late, "ExecutionTimedOut")
	assert.Equal(t, types.CommandInvocationStatusTimedOut, s.invocation(late, "i-1").Status)
	nobody := s.send(func(in *awsssm.SendCommandInput) {
		in.Targets = []types.Target{{Key: aws.String("tag:tier"), Values: []string{"none"}}}
	})
	s.becomes(nobody, "NoInstancesInTag")
}

func TestACommandIsCancelled(t *testing.T) {
	s := play(t)
	s.set("i-1", "web", "running", true)
	s.set("i-2", "web", "running", true)
	s.do = func(ctx context.Context, _ string, _ machine.Script) (machine.ScriptResult, error) {
		<-ctx.Done()
		return machine.ScriptResult{Exit: 137}, nil
	}
	id := s.send(func(in *awsssm.SendCommandInput) {
		in.InstanceIds, in.MaxConcurrency = []string{"i-1", "i-2"}, aws.String("1")
	})
	s.becomes(id, "InProgress")
	_, err := s.client.CancelCommand(background, &awsssm.CancelCommandInput{CommandId: &id})
	require.NoError(t, err)
	s.becomes(id, "Cancelled")
	assert.Equal(t, types.CommandInvocationStatusCancelled, s.invocation(id, "i-1").Status)
}

// The lab ends while one node is at it and another has not begun: the first has lost its work, the second does it later.
func TestARestartOfTheLab(t *testing.T) {
	s := play(t)
	s.set("i-1", "web", "running", true)
	s.set("i-2", "web", "running", true)
	s.do = func(ctx context.Context, id string, script machine.Script) (machine.ScriptResult, error) {
		<-ctx.Done()
		return machine.ScriptResult{}, ctx.Err()
	}
	id := s.send(func(in *awsssm.SendCommandInput) {
		in.InstanceIds, in.MaxConcurrency, in.MaxErrors = []string{"i-1", "i-2"}, aws.String("1"), aws.String("1")
	})
	s.becomes(id, "InProgress")
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.ran) == 1 }, 10*time.Second, 5*time.Millisecond)
	s.end()
	s.mu.Lock()
	s.do = echo
	s.mu.Unlock()
	s.begin()
	s.becomes(id, "Incomplete")
	assert.Equal(t, types.CommandInvocationStatusFailed, s.invocation(id, "i-1").Status)
	assert.EqualValues(t, -1, s.invocation(id, "i-1").ResponseCode)
	assert.Equal(t, types.CommandInvocationStatusSuccess, s.invocation(id, "i-2").Status)
}

func TestDocumentsHaveVersions(t *testing.T) {
	s := play(t)
	s.set("i-1", "web", "running", true)
	text := func(word string) *string {
		return aws.String(`{"schemaVersion":"2.2","parameters":{"who":{"type":"String","default":"world"}},"mainSteps":[{"action":"aws:runShellScript","name":"greet","inputs":{"runCommand":["echo ` + word + ` {{ who }}"]}}]}`)
	}
	name := aws.String("greeting")
	made, err := s.client.CreateDocument(background, &awsssm.CreateDocumentInput{Name: name, Content: text("hello"), DocumentType: types.DocumentTypeCommand})
	require.NoError(t, err)
	assert.Equal(t, "1", *made.DocumentDescription.DefaultVersion)
	_, err = s.client.CreateDocument(background, &awsssm.CreateDocumentInput{Name: name, Content: text("hello")})
	requireCode(t, "DocumentAlreadyExists", err)
	_, err = s.client.UpdateDocument(background, &awsssm.UpdateDocumentInput{Name: name, Content: text("goodbye"), DocumentVersion: aws.String("$LATEST")})
	require.NoError(t, err)
	run := func(version string) string {
		id := s.send(func(in *awsssm.SendCommandInput) {
			in.DocumentName, in.InstanceIds, in.Parameters = name, []string{"i-1"}, nil
			if version != "" {
				in.DocumentVersion = &version
			}
		})
		s.becomes(id, "Success")
		return *s.invocation(id, "i-1").StandardOutputContent
	}
	assert.Contains(t, run(""), "echo hello world")
	assert.Contains(t, run("2"), "echo goodbye world")
	_, err = s.client.UpdateDocumentDefaultVersion(background, &awsssm.UpdateDocumentDefaultVersionInput{Name: name, DocumentVersion: aws.String("2")})
	require.NoError(t, err)
	assert.Contains(t, run(""), "echo goodbye world")
	got, err := s.client.GetDocument(background, &awsssm.GetDocumentInput{Name: name, DocumentVersion: aws.String("1")})
	require.NoError(t, err)
	assert.Equal(t, *text("hello"), *got.Content)
	_, err = s.client.DescribeDocument(background, &awsssm.DescribeDocumentInput{Name: aws.String("AWS-RunPatchBaseline")})
	requireCode(t, "InvalidDocument", err)
	_, err = s.client.CreateDocument(background, &awsssm.CreateDocumentInput{Name: aws.String("other"), Content: aws.String(`{"schemaVersion":"0.3"}`)})
	requireCode(t, "InvalidDocumentContent", err)
	_, err = s.client.SendCommand(background, &awsssm.SendCommandInput{DocumentName: name, InstanceIds: []string{"i-1"}, Parameters: map[string][]string{"whom": {"x"}}})
	requireCode(t, "InvalidParameters", err)
	_, err = s.client.DeleteDocument(background, &awsssm.DeleteDocumentInput{Name: name})
	require.NoError(t, err)
	_, err = s.client.DescribeDocument(background, &awsssm.DescribeDocumentInput{Name: name})
	requireCode(t, "InvalidDocument", err)
}
