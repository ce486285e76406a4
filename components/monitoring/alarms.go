package monitoring

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The alarms, by what is watched.
const (
	Servers    = "servers"    // application: fewer web servers are healthy than the stack always has
	Errors     = "errors"     // application: the share of requests that end in an error of the site's own
	Replicas   = "replicas"   // database: readers are behind
	Processors = "processors" // virtual machine: no processor time is left
	Hardware   = "hardware"   // what machines run on: EC2's status checks fail
)

// Thresholds, and for how many minutes in a row they are passed.
const (
	period           = 60   // seconds, the standard metrics' own
	errorPercent     = 5    // of all requests in a minute
	lagMilliseconds  = 1000 // https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Replication.html: usually much less than 100 ms
	lagMinutes       = 2    // one is what a reader that was just restarted may show
	processorPercent = 90
	processorMinutes = 5
)

// What an alarm makes of a minute without data.
const (
	missingIsBad  = "breaching"    // the metric is there as long as what is watched is
	missingIsFine = "notBreaching" // there is no data where nothing happens, or nothing runs
)

func (b *builder) alarms() error {
	balancer := pulumi.StringMap{"LoadBalancer": b.args.BalancerSuffix}
	targets := pulumi.StringMap{"LoadBalancer": b.args.BalancerSuffix, "TargetGroup": b.args.TargetSuffix}
	group := pulumi.StringMap{"AutoScalingGroupName": b.args.Group}
	for _, a := range []struct {
		role string
		args cloudwatch.MetricAlarmArgs
	}{
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
		{Servers, watch("Fewer web servers are healthy than there always should be", "AWS/ApplicationELB", "HealthyHostCount", "Minimum", targets,
			"LessThanThreshold", float64(b.args.Servers), 1, missingIsBad)},
		{Errors, errorShare(balancer)},
		// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
		{Replicas, watch("The database's readers are behind", "AWS/RDS", "AuroraReplicaLagMaximum", "Maximum", pulumi.StringMap{"DBClusterIdentifier": b.args.Cluster},
			"GreaterThanThreshold", lagMilliseconds, lagMinutes, missingIsFine)},
		// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
		{Processors, watch("The web servers have no processor time left", "AWS/EC2", "CPUUtilization", "Average", group,
			"GreaterThanThreshold", processorPercent, processorMinutes, missingIsFine)},
		{Hardware, watch("A web server fails EC2's status checks", "AWS/EC2", "StatusCheckFailed", "Maximum", group,
			"GreaterThanOrEqualToThreshold", 1, 1, missingIsFine)},
	} {
		if err := b.alarm(a.role, a.args); err != nil {
			return err
		}
	}
	return nil
}

// alarm tells the stewards when it is raised, and when it is over.
func (b *builder) alarm(role string, args cloudwatch.MetricAlarmArgs) error {
	tell := pulumi.Array{b.made.Topic}
	args.AlarmActions, args.OkActions = tell, tell
	args.Tags = pulumi.StringMap{"Name": pulumi.String(b.name + "-" + role)}
	made, err := cloudwatch.NewMetricAlarm(b.ctx, b.name+"-"+role, &args, b.child, pulumi.DependsOn([]pulumi.Resource{b.opened}))
	if err != nil {
		return fmt.Errorf("creating the alarm %s: %w", role, err)
	}
	b.made.Alarms[role] = made.Name
	return nil
}

func watch(what, namespace, metric, statistic string, of pulumi.StringMap, comparison string, threshold float64, minutes int, missing string) cloudwatch.MetricAlarmArgs {
	return cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String(what), Namespace: pulumi.String(namespace), MetricName: pulumi.String(metric), Statistic: pulumi.String(statistic),
		Dimensions: of, Period: pulumi.Int(period), EvaluationPeriods: pulumi.Int(minutes),
		ComparisonOperator: pulumi.String(comparison), Threshold: pulumi.Float64(threshold), TreatMissingData: pulumi.String(missing),
	}
}

// errorShare watches errors of the servers and of the balancer itself, which has no count for a minute without any.
func errorShare(balancer pulumi.StringMap) cloudwatch.MetricAlarmArgs {
	count := func(id, metric string) *cloudwatch.MetricAlarmMetricQueryArgs {
		return &cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(id), Metric: &cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String("AWS/ApplicationELB"), MetricName: pulumi.String(metric), Dimensions: balancer, Period: pulumi.Int(period), Stat: pulumi.String("Sum"),
		}}
	}
	return cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String("Too large a share of requests ends in an error of the site's own"), EvaluationPeriods: pulumi.Int(1),
		ComparisonOperator: pulumi.String("GreaterThanThreshold"), Threshold: pulumi.Float64(errorPercent), TreatMissingData: pulumi.String(missingIsFine),
		MetricQueries: cloudwatch.MetricAlarmMetricQueryArray{
			&cloudwatch.MetricAlarmMetricQueryArgs{
				Id: pulumi.String("share"), Expression: pulumi.String("100*(FILL(own,0)+FILL(balancer,0))/requests"),
				Label: pulumi.String("Errors, per cent of requests"), ReturnData: pulumi.Bool(true),
			},
			count("own", "HTTPCode_Target_5XX_Count"), count("balancer", "HTTPCode_ELB_5XX_Count"), count("requests", "RequestCount"),
		},
	}
}

// databaseEvents has RDS tell the stewards of failovers and failures as they happen: no metric does.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
func (b *builder) databaseEvents() error {
	_, err := rds.NewEventSubscription(b.ctx, b.name+"-database", &rds.EventSubscriptionArgs{
		SnsTopic: b.made.Topic, SourceType: pulumi.String("db-cluster"), SourceIds: pulumi.StringArray{b.args.Cluster},
		EventCategories: pulumi.ToStringArray([]string{"failover", "failure"}), Tags: pulumi.StringMap{"Name": pulumi.String(b.name + "-database")},
	}, b.child, pulumi.DependsOn([]pulumi.Resource{b.opened}))
	if err != nil {
		return fmt.Errorf("subscribing to the database's events: %w", err)
	}
	return nil
}
