package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
)

// drill is an experiment of one action on one target.
type drill struct {
	action, key, kind string // such as aws:ec2:stop-instances, Instances, aws:ec2:instance
	arns              []string
	parameters        map[string]string
	alarm             string // of the stop condition; empty: none
	policy            string // of the role; empty: everything is allowed
}

// experiments is a lab with a client of its Fault Injection Service.
type experiments struct {
	*world.World
	t   *testing.T
	fis *fis.Client
}

func newExperiments(t *testing.T, w *world.World) *experiments {
	return &experiments{World: w, t: t, fis: fis.NewFromConfig(w.Config)}
}

// role makes a role for experiments and returns its ARN.
func (e *experiments) role(policy string) string {
	e.t.Helper()
	if policy == "" {
		policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	}
	name := fmt.Sprintf("drills-%d", time.Now().UnixNano())
	made, err := e.IAM.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"fis.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
	require.NoError(e.t, err)
	_, err = e.IAM.PutRolePolicy(context.Background(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("drills"), PolicyDocument: &policy})
	require.NoError(e.t, err)
	return *made.Role.Arn
}

// start makes a template and begins an experiment, which is stopped when the test ends.
func (e *experiments) start(d drill) *string {
	e.t.Helper()
	ctx, token := context.Background(), fmt.Sprint(time.Now().UnixNano())
	condition := types.CreateExperimentTemplateStopConditionInput{Source: aws.String("none")}
	if d.alarm != "" {
		condition = types.CreateExperimentTemplateStopConditionInput{Source: aws.String("aws:cloudwatch:alarm"), Value: &d.alarm}
	}
	template, err := e.fis.CreateExperimentTemplate(ctx, &fis.CreateExperimentTemplateInput{
		ClientToken: &token, Description: aws.String("conformance"), RoleArn: aws.String(e.role(d.policy)),
		StopConditions: []types.CreateExperimentTemplateStopConditionInput{condition},
		Targets:        map[string]types.CreateExperimentTemplateTargetInput{"it": {ResourceType: &d.kind, SelectionMode: aws.String("ALL"), ResourceArns: d.arns}},
		Actions:        map[string]types.CreateExperimentTemplateActionInput{"do": {ActionId: &d.action, Targets: map[string]string{d.key: "it"}, Parameters: d.parameters}},
	})
	require.NoError(e.t, err)
	begun, err := e.fis.StartExperiment(ctx, &fis.StartExperimentInput{ClientToken: &token, ExperimentTemplateId: template.ExperimentTemplate.Id})
	require.NoError(e.t, err)
	e.t.Cleanup(func() { e.stop(begun.Experiment.Id) })
	return begun.Experiment.Id
}

func (e *experiments) stop(id *string) {
	_, _ = e.fis.StopExperiment(context.Background(), &fis.StopExperimentInput{Id: id}) // it may be over
}

// await waits until an experiment has a status and returns it.
func (e *experiments) await(id *string, status types.ExperimentStatus) (seen types.Experiment) {
	e.t.Helper()
	world.Wait(e.t, fmt.Sprintf("experiment %s to be %s", *id, status), 2*time.Minute, func() error {
		out, err := e.fis.GetExperiment(context.Background(), &fis.GetExperimentInput{Id: id})
		if err != nil {
			return err
		}
		seen = *out.Experiment
		if seen.State.Status != status {
			return fmt.Errorf("it is %s: %s", seen.State.Status, aws.ToString(seen.State.Reason))
		}
		return nil
	})
	return seen
}

// acts waits until the experiment's action is under way.
func (e *experiments) acts(id *string) {
	e.t.Helper()
	world.Wait(e.t, "the action to run", faultLimit, func() error {
		out, err := e.fis.GetExperiment(context.Background(), &fis.GetExperimentInput{Id: id})
		if err != nil {
			return err
		}
		if state := out.Experiment.Actions["do"].State; state.Status != types.ExperimentActionStatusRunning {
			return fmt.Errorf("it is %s (%s); the experiment is %s", state.Status, aws.ToString(state.Reason), aws.ToString(out.Experiment.State.Reason))
		}
		return nil
	})
}

func instanceARN(id string) string {
	return "arn:aws:ec2:" + world.Region + ":" + world.Account + ":instance/" + id
}

// acls tells which network ACL each subnet of a network uses.
func acls(t *testing.T, n *world.Network) map[string]string {
	t.Helper()
	out, err := n.World.EC2.DescribeNetworkAcls(context.Background(), &ec2.DescribeNetworkAclsInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{n.ID}}}})
	require.NoError(t, err)
	all := map[string]string{}
	for _, acl := range out.NetworkAcls {
		all[*acl.NetworkAclId] = ""
		for _, a := range acl.Associations {
			all[*a.SubnetId] = *acl.NetworkAclId
		}
	}
	return all
}

// TestExperimentsActOnRealInstances is about one instance, one action after the other.
func TestExperimentsActOnRealInstances(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	e := newExperiments(t, w)
	n := w.Network(t, "a", "b")
	id := n.Instance(t, world.Instance{Zone: "a"})
	one := drill{key: "Instances", kind: "aws:ec2:instance", arns: []string{instanceARN(id)}}

	refused := one
	refused.action, refused.policy = "aws:ec2:stop-instances", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}`
	failed := e.await(e.start(refused), types.ExperimentStatusFailed)
	require.Contains(t, *failed.State.Reason, "not authorized to perform: ec2:StopInstances on resource: "+instanceARN(id))
	w.AwaitState(t, id, ec2types.InstanceStateNameRunning)

	stop := one
	stop.action, stop.parameters = "aws:ec2:stop-instances", map[string]string{"startInstancesAfterDuration": "PT10M"}
	running := e.start(stop)
	w.AwaitState(t, id, ec2types.InstanceStateNameStopped)
	e.stop(running)
	e.await(running, types.ExperimentStatusStopped)
	w.AwaitState(t, id, ec2types.InstanceStateNameRunning)

	world.Wait(t, "the instance to boot", faultLimit, func() error { return runs(w, id) })
	w.MustShell(t, id, "touch /run/before")
	reboot := one
	reboot.action = "aws:ec2:reboot-instances"
	e.await(e.start(reboot), types.ExperimentStatusCompleted)
	world.Wait(t, "another boot", faultLimit, func() error {
		if err := runs(w, id); err != nil {
			return err
		}
		if _, exit := w.Shell(t, id, "test -e /run/before"); exit == 0 {
			return errors.New("it has not rebooted")
		}
		return nil
	})

	terminate := one
	terminate.action = "aws:ec2:terminate-instances"
	e.await(e.start(terminate), types.ExperimentStatusCompleted)
	w.AwaitState(t, id, ec2types.InstanceStateNameTerminated)
}

// TestAnAlarmEndsTheDisruptionOfAZone cuts a zone off, sees that it is, and lets the stop condition end it.
func TestAnAlarmEndsTheDisruptionOfAZone(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	e := newExperiments(t, w)
	client, server, _, serverAt := pair(t, w)
	described, err := w.Describe(server)
	require.NoError(t, err)
	n := &world.Network{World: w, ID: *described.VpcId}
	before := acls(t, n)
	metrics := cloudwatch.NewFromConfig(w.Config)
	name := "drill-" + server
	_, err = metrics.PutMetricAlarm(context.Background(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Drills"), MetricName: aws.String("Pain"), Statistic: cwtypes.StatisticSum, Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	})
	require.NoError(t, err)
	set := func(state cwtypes.StateValue) {
		_, err := metrics.SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("test")})
		require.NoError(t, err)
	}
	set(cwtypes.StateValueOk)
	running := e.start(drill{
		action: "aws:network:disrupt-connectivity", key: "Subnets", kind: "aws:ec2:subnet", arns: []string{"arn:aws:ec2:" + world.Region + ":" + world.Account + ":subnet/" + *described.SubnetId},
		parameters: map[string]string{"duration": "PT10M", "scope": "all"}, alarm: "arn:aws:cloudwatch:" + world.Region + ":" + world.Account + ":alarm:" + name,
	})
	e.acts(running)
	world.Wait(t, "the zone to be cut off", faultLimit, func() error {
		if answered(t, w, client, serverAt, "/health") {
			return errors.New("it answers")
		}
		return nil
	})
	require.NotEqual(t, before, acls(t, n))

	set(cwtypes.StateValueAlarm)
	over := e.await(running, types.ExperimentStatusStopped)
	require.Contains(t, *over.State.Reason, "stop condition")
	require.Equal(t, before, acls(t, n), "just what it had")
	awaitAnswer(t, w, client, serverAt)
}

// TestAnExperimentSurvivesAKillOfTheLabAndIsPutBack kills the lab while a zone is cut off.
func TestAnExperimentSurvivesAKillOfTheLabAndIsPutBack(t *testing.T) {
	w := world.OpenAlone(t)
	e := newExperiments(t, w)
	n := w.Network(t, "a", "b")
	before := acls(t, n)
	running := e.start(drill{
		action: "aws:network:disrupt-connectivity", key: "Subnets", kind: "aws:ec2:subnet", parameters: map[string]string{"duration": "PT10M", "scope": "availability-zone"},
		arns: []string{"arn:aws:ec2:" + world.Region + ":" + world.Account + ":subnet/" + n.Subnets["a"]},
	})
	e.acts(running)
	during := acls(t, n)
	require.Len(t, slices.Collect(maps.Keys(during)), len(before)+1)
	w.Kill(t)
	require.NoError(t, w.Start())
	require.Equal(t, during, acls(t, n))
	e.acts(running)
	e.stop(running)
	e.await(running, types.ExperimentStatusStopped)
	require.Equal(t, before, acls(t, n))
}

// TestAnExperimentFailsADatabaseOver has a reader become the writer, and reboots the new writer.
func TestAnExperimentFailsADatabaseOver(t *testing.T) {
	t.Parallel()
	w := world.Open(t)
	e := newExperiments(t, w)
	n := w.Network(t, "a", "b")
	databases := cluster(t, n, "drill", "a", "b")
	writer, err := writerOf(databases, "drill")
	require.NoError(t, err)
	other := map[string]string{"drill-a": "drill-b", "drill-b": "drill-a"}[writer]
	prefix := "arn:aws:rds:" + world.Region + ":" + world.Account
	e.await(e.start(drill{action: "aws:rds:failover-db-cluster", key: "Clusters", kind: "aws:rds:cluster", arns: []string{prefix + ":cluster:drill"}}), types.ExperimentStatusCompleted)
	awaitWriter(t, databases, "drill", other)
	awaitMembers(t, databases, "drill", 2)
	e.await(e.start(drill{action: "aws:rds:reboot-db-instances", key: "DBInstances", kind: "aws:rds:db", arns: []string{prefix + ":db:" + writer}}), types.ExperimentStatusCompleted)
	awaitMembers(t, databases, "drill", 2)
}
