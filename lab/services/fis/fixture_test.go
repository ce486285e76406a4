package fis

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awsec2 "github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsfis "github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awsrds "github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/services/ec2"
	"haven/lab/services/iam"
	"haven/lab/services/kms"
	"haven/lab/timeline"
	"haven/lab/wire/wiretest"
)

const region = wiretest.Region

// fixture is an account with IAM and EC2's networks as they are; instances, databases, alarms and commands are plain maps.
type fixture struct {
	*testing.T
	store  *cloud.Store
	client *awsfis.Client
	ec2    *awsec2.Client
	iam    *awsiam.Client
	deps   Dependencies

	mu        sync.Mutex
	service   *Service
	clock     time.Time
	instances map[string]ec2types.Instance
	alarms    map[string]cwtypes.StateValue
	calls     []string
	commands  map[string]ssmtypes.CommandInvocationStatus
	clusters  string // their status
	lines     []string
	objects   map[string]string
	told      []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		T: t, clock: time.Now(), instances: map[string]ec2types.Instance{}, alarms: map[string]cwtypes.StateValue{}, commands: map[string]ssmtypes.CommandInvocationStatus{},
		clusters: statusAvailable, objects: map[string]string{},
	}
	var err error
	f.store, err = cloud.Open(filepath.Join(t.TempDir(), "store"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.store.Close()) })
	network, identities := ec2.New(f.store), iam.New(f.store, kms.ResolveARN)
	f.deps = Dependencies{
		Instances: instances{network, f}, Databases: databases{f}, Commands: commands{f}, Alarms: alarms{f}, Roles: identities, Logs: logs{f}, Buckets: logs{f},
		Log: slog.New(slog.DiscardHandler), Tell: func(e timeline.Event) { f.told = append(f.told, e.Text) },
	}
	f.restart()
	config := wiretest.New(t, map[string]any{"fis": f.service, "ec2": network, "iam": identities})
	f.client, f.ec2, f.iam = awsfis.NewFromConfig(config), awsec2.NewFromConfig(config), awsiam.NewFromConfig(config)
	return f
}

// restart is a lab that was killed and began again: the service knows nothing but the store.
func (f *fixture) restart() {
	f.service = New(f.store, f.deps)
	f.service.now = func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.clock }
}

func (f *fixture) pass(by time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(by)
}

// steps takes an experiment as far as it goes.
func (f *fixture) steps(id *string) types.Experiment {
	f.Helper()
	for range 8 {
		require.NoError(f, f.service.step(f.Context(), region, *id))
	}
	return f.get(id)
}

func (f *fixture) get(id *string) types.Experiment {
	f.Helper()
	out, err := f.client.GetExperiment(f.Context(), &awsfis.GetExperimentInput{Id: id})
	require.NoError(f, err)
	return *out.Experiment
}

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// role makes a role that a service may assume, with a policy, and returns its ARN.
func (f *fixture) role(name, service, policy string) string {
	f.Helper()
	made, err := f.iam.CreateRole(f.Context(), &awsiam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`),
	})
	require.NoError(f, err)
	_, err = f.iam.PutRolePolicy(f.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("drills"), PolicyDocument: &policy})
	require.NoError(f, err)
	return *made.Role.Arn
}

func (f *fixture) instance(id, zone string, state ec2types.InstanceStateName, tags ...string) {
	i := ec2types.Instance{InstanceId: &id, State: &ec2types.InstanceState{Name: state}, Placement: &ec2types.Placement{AvailabilityZone: &zone}, VpcId: aws.String("vpc-1")}
	for n := 0; n < len(tags); n += 2 {
		i.Tags = append(i.Tags, ec2types.Tag{Key: &tags[n], Value: &tags[n+1]})
	}
	f.instances[id] = i
}

// template makes a template with one action, or the test's own changes to it.
func (f *fixture) template(role string, change func(*awsfis.CreateExperimentTemplateInput)) *string {
	f.Helper()
	in := &awsfis.CreateExperimentTemplateInput{
		ClientToken: aws.String(cloud.NewUUID()), Description: aws.String("drill"), RoleArn: &role,
		StopConditions: []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String("none")}},
		Actions:        map[string]types.CreateExperimentTemplateActionInput{}, Targets: map[string]types.CreateExperimentTemplateTargetInput{},
	}
	change(in)
	out, err := f.client.CreateExperimentTemplate(f.Context(), in)
	require.NoError(f, err)
	return out.ExperimentTemplate.Id
}

func (f *fixture) start(template *string) *string {
	f.Helper()
	out, err := f.client.StartExperiment(f.Context(), &awsfis.StartExperimentInput{ExperimentTemplateId: template, ClientToken: aws.String(cloud.NewUUID())})
	require.NoError(f, err)
	return out.Experiment.Id
}

func act(id, key, target string, parameters ...string) types.CreateExperimentTemplateActionInput {
	a := types.CreateExperimentTemplateActionInput{ActionId: &id, Parameters: map[string]string{}}
	if key != "" {
		a.Targets = map[string]string{key: target}
	}
	for n := 0; n < len(parameters); n += 2 {
		a.Parameters[parameters[n]] = parameters[n+1]
	}
	return a
}

func tagged(kind, mode, key, value string) types.CreateExperimentTemplateTargetInput {
	return types.CreateExperimentTemplateTargetInput{ResourceType: &kind, SelectionMode: &mode, ResourceTags: map[string]string{key: value}}
}

type instances struct {
	*ec2.Service
	f *fixture
}

func (i instances) DescribeInstances(context.Context, *awsec2.DescribeInstancesInput) (*awsec2.DescribeInstancesOutput, error) {
	out := &awsec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{}}}
	for _, one := range i.f.instances {
		out.Reservations[0].Instances = append(out.Reservations[0].Instances, one)
	}
	return out, nil
}

func (i instances) set(call string, ids []string, state ec2types.InstanceStateName) {
	slices.Sort(ids)
	i.f.calls = append(i.f.calls, call+" "+strings.Join(ids, ","))
	for _, id := range ids {
		one := i.f.instances[id]
		one.State = &ec2types.InstanceState{Name: state}
		i.f.instances[id] = one
	}
}

func (i instances) StopInstances(_ context.Context, in *awsec2.StopInstancesInput) (*awsec2.StopInstancesOutput, error) {
	i.set("stop", in.InstanceIds, ec2types.InstanceStateNameStopped)
	return &awsec2.StopInstancesOutput{}, nil
}

func (i instances) StartInstances(_ context.Context, in *awsec2.StartInstancesInput) (*awsec2.StartInstancesOutput, error) {
	i.set("start", in.InstanceIds, ec2types.InstanceStateNameRunning)
	return &awsec2.StartInstancesOutput{}, nil
}

func (i instances) TerminateInstances(_ context.Context, in *awsec2.TerminateInstancesInput) (*awsec2.TerminateInstancesOutput, error) {
	i.set("terminate", in.InstanceIds, ec2types.InstanceStateNameTerminated)
	return &awsec2.TerminateInstancesOutput{}, nil
}

func (i instances) RebootInstances(_ context.Context, in *awsec2.RebootInstancesInput) (*awsec2.RebootInstancesOutput, error) {
	i.set("reboot", in.InstanceIds, ec2types.InstanceStateNameRunning)
	return &awsec2.RebootInstancesOutput{}, nil
}

type databases struct{ f *fixture }

func (d databases) DescribeDBClusters(context.Context, *awsrds.DescribeDBClustersInput) (*awsrds.DescribeDBClustersOutput, error) {
	return &awsrds.DescribeDBClustersOutput{DBClusters: []rdstypes.DBCluster{{
		DBClusterIdentifier: aws.String("main"), DBClusterArn: aws.String(cloud.ARN("rds", region, "cluster:main")), Status: &d.f.clusters,
		DBClusterMembers: []rdstypes.DBClusterMember{{DBInstanceIdentifier: aws.String("one"), IsClusterWriter: aws.Bool(true)}},
	}}}, nil
}

func (d databases) DescribeDBInstances(context.Context, *awsrds.DescribeDBInstancesInput) (*awsrds.DescribeDBInstancesOutput, error) {
	return &awsrds.DescribeDBInstancesOutput{DBInstances: []rdstypes.DBInstance{{
		DBInstanceIdentifier: aws.String("one"), DBInstanceArn: aws.String(cloud.ARN("rds", region, "db:one")), AvailabilityZone: aws.String("us-east-1b"), DBInstanceStatus: aws.String(statusAvailable),
	}}}, nil
}

func (d databases) FailoverDBCluster(_ context.Context, in *awsrds.FailoverDBClusterInput) (*awsrds.FailoverDBClusterOutput, error) {
	d.f.calls = append(d.f.calls, "failover "+*in.DBClusterIdentifier)
	d.f.clusters = "failing-over"
	return &awsrds.FailoverDBClusterOutput{}, nil
}

func (d databases) RebootDBInstance(_ context.Context, in *awsrds.RebootDBInstanceInput) (*awsrds.RebootDBInstanceOutput, error) {
	d.f.calls = append(d.f.calls, "reboot-db "+*in.DBInstanceIdentifier)
	return &awsrds.RebootDBInstanceOutput{}, nil
}

type commands struct{ f *fixture }

func (c commands) SendCommand(_ context.Context, in *ssm.SendCommandInput) (*ssm.SendCommandOutput, error) {
	c.f.calls = append(c.f.calls, "command "+*in.DocumentName+" "+strings.Join(in.Parameters["commands"], ";"))
	for _, id := range in.InstanceIds {
		c.f.commands[id] = ssmtypes.CommandInvocationStatusInProgress
	}
	return &ssm.SendCommandOutput{Command: &ssmtypes.Command{CommandId: aws.String("command-1")}}, nil
}

func (c commands) ListCommandInvocations(context.Context, *ssm.ListCommandInvocationsInput) (*ssm.ListCommandInvocationsOutput, error) {
	out := &ssm.ListCommandInvocationsOutput{}
	for id, status := range c.f.commands {
		out.CommandInvocations = append(out.CommandInvocations, ssmtypes.CommandInvocation{InstanceId: &id, Status: status})
	}
	return out, nil
}

func (c commands) CancelCommand(_ context.Context, in *ssm.CancelCommandInput) (*ssm.CancelCommandOutput, error) {
	c.f.calls = append(c.f.calls, "cancel "+*in.CommandId)
	return &ssm.CancelCommandOutput{}, nil
}

type alarms struct{ f *fixture }

func (a alarms) AlarmState(_ *cloud.Tx, _, name string) (cwtypes.StateValue, bool, error) {
	state, ok := a.f.alarms[name]
	return state, ok, nil
}

type logs struct{ f *fixture }

func (l logs) Put(_ context.Context, _, group, _ string, lines []string) error {
	for _, line := range lines {
		l.f.lines = append(l.f.lines, group+" "+line)
	}
	return nil
}

func (l logs) PutLog(_ context.Context, _, bucket, key string, content []byte) error {
	l.f.objects[bucket+"/"+key] = string(content)
	return nil
}
