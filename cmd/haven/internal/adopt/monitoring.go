package adopt

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func topic(ctx context.Context, q question) (string, error) {
	for pages := sns.NewListTopicsPaginator(sns.NewFromConfig(q.config), &sns.ListTopicsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", err
		}
		for _, one := range page.Topics {
			if arn := aws.ToString(one.TopicArn); strings.HasSuffix(arn, ":"+q.in.Text("name")) && q.free(arn) {
				return arn, nil
			}
		}
	}
	return "", nil
}

func metricAlarm(ctx context.Context, q question) (string, error) {
	name := q.in.Text("name")
	out, err := cloudwatch.NewFromConfig(q.config).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err != nil || len(out.MetricAlarms) == 0 {
		return "", err
	}
	return name, nil
}

func scalingPolicy(ctx context.Context, q question) (string, error) {
	name := q.in.Text("name")
	out, err := autoscaling.NewFromConfig(q.config).DescribePolicies(ctx, &autoscaling.DescribePoliciesInput{
		AutoScalingGroupName: aws.String(q.in.Text("autoscalingGroupName")), PolicyNames: []string{name},
	})
	if err != nil || len(out.ScalingPolicies) == 0 {
		return "", err
	}
	return name, nil
}

var eventSubscription = byName("name", func(ctx context.Context, config aws.Config, name *string) error {
	_, err := rds.NewFromConfig(config).DescribeEventSubscriptions(ctx, &rds.DescribeEventSubscriptionsInput{SubscriptionName: name})
	return err
})
