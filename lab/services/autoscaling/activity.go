package autoscaling

import (
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"haven/lab/cloud"
)

// mostActivities is how many are kept of a region.
const mostActivities = 1000

// key orders activities newest first.
func (a *activity) key() string {
	return fmt.Sprintf("%020d-%s", math.MaxInt64-a.Started.UnixNano(), a.ID)
}

func (a *activity) describe() types.Activity {
	described := types.Activity{
		ActivityId: aws.String(a.ID), AutoScalingGroupName: aws.String(a.Group), Description: aws.String(a.Description), Cause: aws.String(a.Cause),
		StartTime: &a.Started, EndTime: a.Ended, StatusCode: a.Status, Progress: aws.Int32(50), Details: aws.String(a.Details),
	}
	if a.Ended != nil {
		described.Progress = aws.Int32(100)
	}
	if a.Message != "" {
		described.StatusMessage = aws.String(a.Message)
	}
	return described
}

// begin records the start of an activity and returns its id.
func begin(tx *cloud.Tx, g *group, description, cause, zone string, status types.ScalingActivityStatusCode, now time.Time) (string, error) {
	a := &activity{
		ID: cloud.NewUUID(), Group: g.Name, Description: description, Started: now.UTC(), Status: status,
		Cause:   fmt.Sprintf("%s  At %s %s.", g.Reason, stamp(now), cause),
		Details: fmt.Sprintf(`{"Availability Zone":%q}`, zone),
	}
	if err := activities.Put(tx, g.Region, a.key(), a); err != nil {
		return "", err
	}
	return a.key(), prune(tx, g.Region)
}

// markActivity records how far an activity is.
func markActivity(tx *cloud.Tx, region, key string, status types.ScalingActivityStatusCode) error {
	a, err := activities.Get(tx, region, key)
	if err != nil || a == nil || a.Ended != nil {
		return err
	}
	a.Status = status
	return activities.Put(tx, region, key, a)
}

// finishActivity records how an activity ended.
func finishActivity(tx *cloud.Tx, region, key string, status types.ScalingActivityStatusCode, message string, now time.Time) error {
	a, err := activities.Get(tx, region, key)
	if err != nil || a == nil || a.Ended != nil {
		return err
	}
	ended := now.UTC()
	a.Ended, a.Status, a.Message = &ended, status, message
	return activities.Put(tx, region, key, a)
}

func prune(tx *cloud.Tx, region string) error {
	all, err := activities.List(tx, region)
	if err != nil || len(all) <= mostActivities {
		return err
	}
	for _, old := range all[mostActivities:] {
		if err := activities.Delete(tx, region, old.key()); err != nil {
			return err
		}
	}
	return nil
}
