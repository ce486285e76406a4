package drills_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/drills"
	"haven/components/recording"
)

const templateType = "aws:fis/experimentTemplate:ExperimentTemplate"

func declare(args *drills.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := drills.New(ctx, name, args, opts...)
		return err
	}
}

func args(t *testing.T) *drills.Args {
	spread := recording.Zones(t, 2)
	subnets := map[string][]pulumi.StringInput{}
	for _, zone := range spread {
		for _, tier := range []string{"public", "app"} {
			subnets[zone.Letter] = append(subnets[zone.Letter], pulumi.String("subnet-"+tier+"-"+zone.Letter))
		}
	}
	return &drills.Args{
		Region: recording.Region, Account: recording.Account, VPC: pulumi.String("vpc-1"), Zones: spread, Subnets: subnets,
		Servers: map[string]string{"Name": "web", "Stack": "test"}, DiskKey: pulumi.String("arn:key"), Cluster: pulumi.String("arn:cluster"),
		BalancerSuffix: pulumi.String("app/x/1"), TargetSuffix: pulumi.String("targetgroup/x/1"),
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args(t))) }

func TestEachTemplateHasTheRoleAndTheStopCondition(t *testing.T) {
	made := recording.Must(t, declare(args(t)), "drills")
	require.Equal(t, map[string]int{
		drills.Type: 1, templateType: 5, "aws:iam/role:Role": 1, "aws:iam/rolePolicy:RolePolicy": 1, "aws:cloudwatch/metricAlarm:MetricAlarm": 1,
	}, made.Types())
	templates := made.Of(templateType)
	for name, action := range map[string]string{
		drills.StopServer: "aws:ec2:stop-instances", drills.TerminateServer: "aws:ec2:terminate-instances", drills.FailOverDatabase: "aws:rds:failover-db-cluster",
		drills.DisruptZone + "a": "aws:network:disrupt-connectivity", drills.DisruptZone + "b": "aws:network:disrupt-connectivity",
	} {
		template := templates["drills-"+name]
		require.NotNil(t, template, name)
		require.Equal(t, action, template.Value("actions.0.actionId"))
		require.Equal(t, template.Value("targets.0.name"), template.Value("actions.0.target.value"))
		require.Equal(t, "aws:cloudwatch:alarm", template.Value("stopConditions.0.source"))
		require.Equal(t, made.Of("aws:cloudwatch/metricAlarm:MetricAlarm")["drills"].Value("alarmDescription"), "Ends drills: no web server is healthy")
		require.NotEmpty(t, template.Value("stopConditions.0.value"))
		require.Equal(t, []string{"tags", "tagsAll"}, template.IgnoreChanges, "the provider cannot change them")
	}
	cut := templates["drills-"+drills.DisruptZone+"b"]
	require.Equal(t, []any{
		"arn:aws:ec2:" + recording.Region + ":" + recording.Account + ":subnet/subnet-public-b", "arn:aws:ec2:" + recording.Region + ":" + recording.Account + ":subnet/subnet-app-b",
	}, cut.Value("targets.0.resourceArns"), "the zone's own subnets, and no other's")
	require.Equal(t, "COUNT(1)", templates["drills-"+drills.TerminateServer].Value("targets.0.selectionMode"))
}

// A role that breaks things is narrowed to what it has to break.
func TestOnlyLookingIsAllowedEverywhere(t *testing.T) {
	policy := recording.Must(t, declare(args(t)), "drills").Of("aws:iam/rolePolicy:RolePolicy")["drills"]
	var document struct {
		Statement []struct {
			Sid       string
			Action    []string
			Resource  []string
			Condition map[string]map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy.Value("policy").(string)), &document))
	for _, s := range document.Statement {
		require.NotEmpty(t, s.Sid)
		for _, resource := range s.Resource {
			if resource == "*" {
				require.Equal(t, "FindTargets", s.Sid)
			}
		}
		if s.Sid == "BreakServers" {
			require.Equal(t, map[string]any{"aws:ResourceTag/Name": "web", "aws:ResourceTag/Stack": "test"}, s.Condition["StringEquals"])
		}
	}
}

func TestNewRefuses(t *testing.T) {
	crowded := args(t)
	for range 6 {
		crowded.Subnets["a"] = append(crowded.Subnets["a"], pulumi.String("subnet-more"))
	}
	untagged := args(t)
	untagged.Servers = nil
	for name, test := range map[string]struct {
		args *drills.Args
		want string
	}{
		"nothing": {nil, "args are required"}, "empty": {&drills.Args{}, "Region and Account are required"},
		"too many subnets": {crowded, "zone a has 8 subnets: expected 1 to 5"}, "every instance": {untagged, "every instance of the account"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "drills"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All())
		})
	}
}
