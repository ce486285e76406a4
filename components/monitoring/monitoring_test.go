package monitoring_test

import (
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/monitoring"
	"haven/components/recording"
)

const alarmType = "aws:cloudwatch/metricAlarm:MetricAlarm"

func declare(args *monitoring.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := monitoring.New(ctx, name, args, opts...)
		return err
	}
}

func args() *monitoring.Args {
	return &monitoring.Args{
		Region: recording.Region, Account: recording.Account, Key: pulumi.String("arn:key"), BalancerSuffix: pulumi.String("app/x/1"), TargetSuffix: pulumi.String("targetgroup/x/1"),
		Group: pulumi.String("web"), Cluster: pulumi.String("database"), Servers: 3, Stewards: []string{"ada@example.com", "grace@example.com"},
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args())) }

func TestEveryStewardIsTold(t *testing.T) {
	made := recording.Must(t, declare(args()), "monitoring")
	topic := made.Of("aws:sns/topic:Topic")["monitoring"]
	require.Equal(t, "arn:key", topic.Value("kmsMasterKeyId"))
	subscriptions := made.Of("aws:sns/topicSubscription:TopicSubscription")
	require.Len(t, subscriptions, 2)
	for _, address := range args().Stewards {
		one := subscriptions["monitoring-"+address]
		require.Equal(t, "email", one.Value("protocol"))
		require.Equal(t, address, one.Value("endpoint"))
	}
}

// OPS-03: the three levels are watched, and each alarm tells the topic both that it is raised and that it is over.
func TestEachLevelHasItsAlarms(t *testing.T) {
	made := recording.Must(t, declare(args()), "monitoring")
	alarms := made.Of(alarmType)
	require.Len(t, alarms, 5)
	for role, metric := range map[string]string{
		monitoring.Servers: "HealthyHostCount", monitoring.Replicas: "AuroraReplicaLagMaximum", monitoring.Processors: "CPUUtilization", monitoring.Hardware: "StatusCheckFailed",
	} {
		require.Equal(t, metric, alarms["monitoring-"+role].Value("metricName"), role)
		require.Equal(t, 60.0, alarms["monitoring-"+role].Value("period"), "the shortest that standard metrics have")
	}
	require.Equal(t, 3.0, alarms["monitoring-servers"].Value("threshold"), "one server fewer is too few")
	require.Equal(t, "LessThanThreshold", alarms["monitoring-servers"].Value("comparisonOperator"))
	require.Equal(t, "breaching", alarms["monitoring-servers"].Value("treatMissingData"), "a balancer that tells nothing is not well")
	require.Equal(t, "100*(FILL(own,0)+FILL(balancer,0))/requests", alarms["monitoring-errors"].Value("metricQueries.0.expression"))
	for name, alarm := range alarms {
		for _, actions := range []string{"alarmActions", "okActions"} {
			require.Len(t, alarm.Value(actions), 1, "%s %s", name, actions)
			require.NotEmpty(t, alarm.Value(actions+".0"), "%s %s", name, actions)
		}
		require.NotEmpty(t, alarm.Value("alarmDescription"), name)
	}
}

func TestTheDatabaseTellsOfFailovers(t *testing.T) {
	events := recording.Must(t, declare(args()), "monitoring").Of("aws:rds/eventSubscription:EventSubscription")["monitoring-database"]
	require.Equal(t, "db-cluster", events.Value("sourceType"))
	require.Equal(t, []any{"database"}, events.Value("sourceIds"))
	require.Equal(t, []any{"failover", "failure"}, events.Value("eventCategories"))
}

func TestOnlyThisAccountsServicesPublish(t *testing.T) {
	policy := recording.Must(t, declare(args()), "monitoring").Of("aws:sns/topicPolicy:TopicPolicy")["monitoring"]
	var document struct {
		Statement []struct {
			Action    []string
			Principal map[string]string
			Condition map[string]map[string]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy.Value("policy").(string)), &document))
	require.Len(t, document.Statement, 2)
	for _, s := range document.Statement {
		require.Equal(t, []string{"sns:Publish"}, s.Action)
		require.Contains(t, []string{"cloudwatch.amazonaws.com", "events.rds.amazonaws.com"}, s.Principal["Service"])
		require.Equal(t, recording.Account, s.Condition["StringEquals"]["aws:SourceAccount"])
	}
}

func TestNewRefuses(t *testing.T) {
	nobody, idle := args(), args()
	nobody.Stewards = []string{"Ada <ada@example.com>"}
	idle.Servers = 0
	for name, test := range map[string]struct {
		args *monitoring.Args
		want string
	}{
		"nothing": {nil, "args are required"}, "empty": {&monitoring.Args{}, "Region and Account are required"},
		"no address": {nobody, "expected an e-mail address"}, "never raised": {idle, "watches nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "monitoring"))
			require.ErrorContains(t, err, test.want)
			require.Empty(t, made.All())
		})
	}
}
