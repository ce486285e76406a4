package sabotage

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"haven/drill/target"
)

// tellingNobody has every alarm be raised, and do nothing about it.
func tellingNobody(e *target.Environment) change {
	client := cloudwatch.NewFromConfig(e.Config)
	names := slices.Sorted(maps.Values(e.Outputs.Monitoring.Alarms))
	return change{
		make: func(ctx context.Context) error {
			_, err := client.DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: names})
			return err
		},
		restore: func(ctx context.Context) error {
			_, err := client.EnableAlarmActions(ctx, &cloudwatch.EnableAlarmActionsInput{AlarmNames: names})
			return err
		},
	}
}
