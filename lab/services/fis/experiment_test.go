package fis

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	awsfis "github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
)

const alarm = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:errors"

// stopTemplate stops one web server, and starts it again after a minute.
func stopTemplate(in *awsfis.CreateExperimentTemplateInput) {
	in.Targets["web"] = tagged("aws:ec2:instance", "COUNT(1)", "role", "web")
	in.Actions["stop"] = act("aws:ec2:stop-instances", "Instances", "web", parameterRestart, "PT1M")
}

func TestStoppedInstancesStartAgainAfterTheirTime(t *testing.T) {
	f := newFixture(t)
	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	f.instance("i-2", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "other")
	id := f.start(f.template(f.role("drills", servicePrincipal, everything), stopTemplate))
	e := f.steps(id)
	require.Equal(t, types.ExperimentStatusRunning, e.State.Status, aws.ToString(e.State.Reason))
	require.Equal(t, types.ExperimentActionStatusRunning, e.Actions["stop"].State.Status)
	require.Equal(t, []string{"stop i-1"}, f.calls)
	resolved, err := f.client.ListExperimentResolvedTargets(t.Context(), &awsfis.ListExperimentResolvedTargetsInput{ExperimentId: id})
	require.NoError(t, err)
	require.Len(t, resolved.ResolvedTargets, 1)
	require.Equal(t, cloud.ARN("ec2", region, "instance/i-1"), resolved.ResolvedTargets[0].TargetInformation["arn"])

	f.restart() // killed
	f.pass(61 * time.Second)
	e = f.steps(id)
	require.Equal(t, types.ExperimentStatusCompleted, e.State.Status)
	require.Equal(t, types.ExperimentActionStatusCompleted, e.Actions["stop"].State.Status)
	require.NotNil(t, e.EndTime)
	require.Equal(t, []string{"stop i-1", "start i-1"}, f.calls)
	require.Contains(t, strings.Join(f.told, "|"), "is completed")
}

func TestWhateverEndsAnExperimentPutsBackWhatItChanged(t *testing.T) {
	for name, how := range map[string]struct {
		end    func(f *fixture, id *string)
		reason string
	}{
		"by the user": {func(f *fixture, id *string) {
			_, err := f.client.StopExperiment(f.Context(), &awsfis.StopExperimentInput{Id: id})
			require.NoError(f, err)
		}, "halted by user"},
		"by an alarm": {func(f *fixture, _ *string) { f.alarms[alarm] = cwtypes.StateValueAlarm }, "halted by stop condition"},
		"by the lever": {func(f *fixture, _ *string) {
			_, err := f.client.UpdateSafetyLeverState(f.Context(), &awsfis.UpdateSafetyLeverStateInput{
				Id: aws.String("default"), State: &types.UpdateSafetyLeverStateInput{Status: types.SafetyLeverStatusInputEngaged, Reason: aws.String("sale")},
			})
			require.NoError(f, err)
		}, "safety lever"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.alarms[alarm] = cwtypes.StateValueOk
			f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
			id := f.start(f.template(f.role("drills", servicePrincipal, everything), func(in *awsfis.CreateExperimentTemplateInput) {
				stopTemplate(in)
				later := act("aws:fis:wait", "", "", parameterDuration, "PT1M")
				later.StartAfter = []string{"stop"}
				in.Actions["later"] = later
				in.StopConditions = []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String(sourceAlarm), Value: aws.String(alarm)}}
			}))
			f.steps(id)
			require.Equal(t, []string{"stop i-1"}, f.calls)
			f.restart()
			how.end(f, id)
			e := f.steps(id)
			require.Equal(t, types.ExperimentStatusStopped, e.State.Status)
			require.Contains(t, *e.State.Reason, how.reason)
			require.Equal(t, types.ExperimentActionStatusStopped, e.Actions["stop"].State.Status)
			require.Equal(t, types.ExperimentActionStatusCancelled, e.Actions["later"].State.Status)
			require.Equal(t, []string{"stop i-1", "start i-1"}, f.calls)
			_, err := f.client.StopExperiment(t.Context(), &awsfis.StopExperimentInput{Id: id})
			require.ErrorContains(t, err, "already stopped")
		})
	}
}

func TestAnExperimentThatMustNotBeginChangesNothing(t *testing.T) {
	lever := func(f *fixture) {
		_, err := f.client.UpdateSafetyLeverState(f.Context(), &awsfis.UpdateSafetyLeverStateInput{
			Id: aws.String("default"), State: &types.UpdateSafetyLeverStateInput{Status: types.SafetyLeverStatusInputEngaged, Reason: aws.String("sale")},
		})
		require.NoError(f, err)
	}
	const some = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","ec2:StopInstances"],"Resource":"*"}]}`
	const tagged = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"},
		{"Effect":"Allow","Action":["ec2:StopInstances","ec2:StartInstances"],"Resource":"arn:aws:ec2:*:*:instance/*","Condition":{"StringEquals":{"aws:ResourceTag/role":"other"}}}]}`
	for name, c := range map[string]struct {
		service, policy string
		before          func(*fixture)
		status          types.ExperimentStatus
		reason          string
	}{
		"no trust":           {"ec2.amazonaws.com", everything, nil, types.ExperimentStatusFailed, "Unable to assume role"},
		"may not look":       {servicePrincipal, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"*"}]}`, nil, types.ExperimentStatusFailed, "not authorized to perform: ec2:DescribeInstances"},
		"may not start":      {servicePrincipal, some, nil, types.ExperimentStatusFailed, "ec2:StartInstances on resource: arn:aws:ec2:us-east-1:000000000000:instance/i-1"},
		"other tags only":    {servicePrincipal, tagged, nil, types.ExperimentStatusFailed, "ec2:StopInstances on resource"},
		"lever engaged":      {servicePrincipal, everything, lever, types.ExperimentStatusCancelled, "safety lever"},
		"alarm rings":        {servicePrincipal, everything, func(f *fixture) { f.alarms[alarm] = cwtypes.StateValueAlarm }, types.ExperimentStatusStopped, "stop condition"},
		"alarm is not there": {servicePrincipal, everything, func(f *fixture) { delete(f.alarms, alarm) }, types.ExperimentStatusFailed, "was not found"},
		"nothing to stop":    {servicePrincipal, everything, func(f *fixture) { clear(f.instances) }, types.ExperimentStatusFailed, "empty set"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.alarms[alarm] = cwtypes.StateValueOk
			f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
			if c.before != nil {
				c.before(f)
			}
			e := f.steps(f.start(f.template(f.role("drills", c.service, c.policy), func(in *awsfis.CreateExperimentTemplateInput) {
				stopTemplate(in)
				in.StopConditions = []types.CreateExperimentTemplateStopConditionInput{{Source: aws.String(sourceAlarm), Value: aws.String(alarm)}}
			})))
			require.Equal(t, c.status, e.State.Status)
			require.Contains(t, *e.State.Reason, c.reason)
			require.Empty(t, f.calls)
		})
	}
}

func TestAFailedActionEndsTheExperimentAndTheOthersArePutBack(t *testing.T) {
	f := newFixture(t)
	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	f.alarms[alarm] = cwtypes.StateValueOk
	id := f.start(f.template(f.role("drills", servicePrincipal, everything), func(in *awsfis.CreateExperimentTemplateInput) {
		stopTemplate(in)
		in.Actions["wait"] = act("aws:fis:wait", "", "", parameterDuration, "PT1M")
		check := act("aws:cloudwatch:assert-alarm-state", "", "", "alarmArns", alarm, "alarmStates", "ALARM")
		check.StartAfter = []string{"wait"}
		in.Actions["check"] = check
		in.Actions["stop"] = act("aws:ec2:stop-instances", "Instances", "web", parameterRestart, "PT10M")
	}))
	e := f.steps(id)
	require.Equal(t, types.ExperimentActionStatusPending, e.Actions["check"].State.Status)
	f.pass(61 * time.Second)
	e = f.steps(id)
	require.Equal(t, types.ExperimentStatusFailed, e.State.Status)
	require.Contains(t, *e.State.Reason, "Action check failed: the alarm "+alarm+" is in state OK")
	require.Equal(t, "actions/check", *e.State.Error.Location)
	require.Equal(t, types.ExperimentActionStatusFailed, e.Actions["check"].State.Status)
	require.Equal(t, types.ExperimentActionStatusCompleted, e.Actions["wait"].State.Status)
	require.Equal(t, types.ExperimentActionStatusStopped, e.Actions["stop"].State.Status)
	require.Equal(t, []string{"stop i-1", "start i-1"}, f.calls)
}

func TestInstancesThatAreGoneCannotBeStartedAgain(t *testing.T) {
	for tolerated, want := range map[string]types.ExperimentStatus{"false": types.ExperimentStatusFailed, "true": types.ExperimentStatusCompleted} {
		f := newFixture(t)
		f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
		id := f.start(f.template(f.role("drills", servicePrincipal, everything), func(in *awsfis.CreateExperimentTemplateInput) {
			stopTemplate(in)
			in.Actions["stop"].Parameters[parameterTerminated] = tolerated
		}))
		f.steps(id)
		f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameTerminated, "role", "web") // by its group
		f.pass(2 * time.Minute)
		e := f.steps(id)
		require.Equal(t, want, e.State.Status, *e.State.Reason)
	}
}

func TestEachActionCallsItsService(t *testing.T) {
	f := newFixture(t)
	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	role := f.role("drills", servicePrincipal, everything)
	cluster, member := cloud.ARN("rds", region, "cluster:main"), cloud.ARN("rds", region, "db:one")
	only := func(in *awsfis.CreateExperimentTemplateInput, kind, arn string) {
		in.Targets["it"] = types.CreateExperimentTemplateTargetInput{ResourceType: &kind, SelectionMode: aws.String("ALL"), ResourceArns: []string{arn}}
	}
	run := func(change func(*awsfis.CreateExperimentTemplateInput)) *string {
		return f.start(f.template(role, change))
	}

	id := run(func(in *awsfis.CreateExperimentTemplateInput) {
		only(in, "aws:rds:cluster", cluster)
		in.Actions["failover"] = act("aws:rds:failover-db-cluster", "Clusters", "it")
	})
	require.Equal(t, types.ExperimentActionStatusRunning, f.steps(id).Actions["failover"].State.Status)
	f.clusters = statusAvailable
	require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)

	id = run(func(in *awsfis.CreateExperimentTemplateInput) {
		only(in, "aws:rds:db", member)
		in.Actions["reboot"] = act("aws:rds:reboot-db-instances", "DBInstances", "it")
	})
	require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)

	command := func(in *awsfis.CreateExperimentTemplateInput) {
		only(in, "aws:ec2:instance", cloud.ARN("ec2", region, "instance/i-1"))
		in.Actions["command"] = act("aws:ssm:send-command", "Instances", "it", "documentArn", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript",
			"documentParameters", `{"commands":["true","id"]}`, parameterDuration, "PT2M")
	}
	id = run(command)
	require.Equal(t, types.ExperimentActionStatusRunning, f.steps(id).Actions["command"].State.Status)
	f.restart()
	f.commands["i-1"] = ssmtypes.CommandInvocationStatusSuccess
	require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)
	id = run(command)
	f.steps(id)
	f.commands["i-1"] = ssmtypes.CommandInvocationStatusFailed
	e := f.steps(id)
	require.Equal(t, types.ExperimentStatusFailed, e.State.Status)
	require.Contains(t, *e.State.Reason, "ended as Failed")

	id = run(command)
	f.steps(id)
	_, err := f.client.StopExperiment(t.Context(), &awsfis.StopExperimentInput{Id: id})
	require.NoError(t, err)
	require.Equal(t, types.ExperimentStatusStopped, f.steps(id).State.Status)

	for _, action := range []string{"reboot", "terminate"} {
		id = run(func(in *awsfis.CreateExperimentTemplateInput) {
			in.Targets["web"] = tagged("aws:ec2:instance", "ALL", "role", "web")
			in.Actions["act"] = act("aws:ec2:"+action+"-instances", "Instances", "web")
		})
		require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)
	}
	require.Equal(t, []string{"failover main", "reboot-db one", "command AWS-RunShellScript true;id", "command AWS-RunShellScript true;id", "command AWS-RunShellScript true;id", "cancel command-1", "reboot i-1", "terminate i-1"}, f.calls)
}

func TestEmptyTargetsAndActionsCanBeSkipped(t *testing.T) {
	f := newFixture(t)
	role := f.role("drills", servicePrincipal, everything)
	template := f.template(role, func(in *awsfis.CreateExperimentTemplateInput) {
		stopTemplate(in)
		in.Actions["after"] = act("aws:fis:wait", "", "", parameterDuration, "PT1M")
		in.ExperimentOptions = &types.CreateExperimentTemplateExperimentOptionsInput{EmptyTargetResolutionMode: types.EmptyTargetResolutionModeSkip}
	})
	id := f.start(template)
	require.Equal(t, types.ExperimentActionStatusSkipped, f.steps(id).Actions["stop"].State.Status)
	f.pass(time.Hour)
	require.Equal(t, types.ExperimentStatusCompleted, f.steps(id).State.Status)

	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	out, err := f.client.StartExperiment(t.Context(), &awsfis.StartExperimentInput{
		ExperimentTemplateId: template, ClientToken: aws.String("preview"), ExperimentOptions: &types.StartExperimentExperimentOptionsInput{ActionsMode: types.ActionsModeSkipAll},
	})
	require.NoError(t, err)
	e := f.steps(out.Experiment.Id)
	require.Equal(t, types.ExperimentStatusCompleted, e.State.Status)
	require.Empty(t, f.calls, "only the targets were resolved")
	resolved, err := f.client.ListExperimentResolvedTargets(t.Context(), &awsfis.ListExperimentResolvedTargetsInput{ExperimentId: out.Experiment.Id, TargetName: aws.String("web")})
	require.NoError(t, err)
	require.Len(t, resolved.ResolvedTargets, 1)
}

func TestExperimentsAreLogged(t *testing.T) {
	f := newFixture(t)
	f.instance("i-1", "us-east-1a", ec2types.InstanceStateNameRunning, "role", "web")
	id := f.start(f.template(f.role("drills", servicePrincipal, everything), func(in *awsfis.CreateExperimentTemplateInput) {
		in.Targets["web"] = tagged("aws:ec2:instance", "ALL", "role", "web")
		in.Actions["reboot"] = act("aws:ec2:reboot-instances", "Instances", "web")
		in.LogConfiguration = &types.CreateExperimentTemplateLogConfigurationInput{
			LogSchemaVersion:            aws.Int32(2),
			CloudWatchLogsConfiguration: &types.ExperimentTemplateCloudWatchLogsLogConfigurationInput{LogGroupArn: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:/drills:*")},
			S3Configuration:             &types.ExperimentTemplateS3LogConfigurationInput{BucketName: aws.String("drills"), Prefix: aws.String("fis/")},
		}
	}))
	f.steps(id)
	var kinds []string
	for _, line := range f.lines {
		text, ok := strings.CutPrefix(line, "/drills ")
		require.True(t, ok)
		var r record
		require.NoError(t, json.Unmarshal([]byte(text), &r))
		require.Equal(t, *id, r.ID)
		require.Equal(t, "2", r.Version)
		kinds = append(kinds, r.Type)
	}
	require.Equal(t, []string{"experiment-start", "target-resolution-start", "target-resolution-detail", "target-resolution-end", "action-start", "action-end", "experiment-end"}, kinds)
	require.Len(t, f.objects, 1)
	require.Equal(t, 7, strings.Count(f.objects["drills/fis/AWSLogs/000000000000/fis/us-east-1/"+*id+".log"], "\n"))
}
