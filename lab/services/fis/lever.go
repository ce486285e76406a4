package fis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fis"
	"github.com/aws/aws-sdk-go-v2/service/fis/types"

	"haven/lab/cloud"
)

// leverID is the only lever's id.
const leverID = "default"

// lever returns a region's safety lever (https://docs.aws.amazon.com/fis/latest/userguide/safety-lever.html).
func lever(tx *cloud.Tx, region string) (types.SafetyLeverState, error) {
	row, err := levers.Get(tx, region, leverID)
	if err != nil || row == nil {
		return types.SafetyLeverState{Status: types.SafetyLeverStatusDisengaged, Reason: aws.String("Default state")}, err
	}
	return row.State, nil
}

func showLever(region string, state types.SafetyLeverState) *types.SafetyLever {
	return &types.SafetyLever{Id: aws.String(leverID), Arn: aws.String(cloud.ARN("fis", region, "safety-lever/"+leverID)), State: &state}
}

// GetSafetyLever returns the lever.
func (s *Service) GetSafetyLever(ctx context.Context, in *fis.GetSafetyLeverInput) (*fis.GetSafetyLeverOutput, error) {
	if *in.Id != leverID {
		return nil, missing("safety lever", *in.Id)
	}
	out := &fis.GetSafetyLeverOutput{}
	return out, s.store.View(func(tx *cloud.Tx) error {
		state, err := lever(tx, cloud.RegionOf(ctx))
		out.SafetyLever = showLever(cloud.RegionOf(ctx), state)
		return err
	})
}

// UpdateSafetyLeverState engages the lever, which stops what runs and lets nothing begin, or disengages it.
func (s *Service) UpdateSafetyLeverState(ctx context.Context, in *fis.UpdateSafetyLeverStateInput) (*fis.UpdateSafetyLeverStateOutput, error) {
	if *in.Id != leverID {
		return nil, missing("safety lever", *in.Id)
	}
	region := cloud.RegionOf(ctx)
	wanted := types.SafetyLeverState{Status: types.SafetyLeverStatus(in.State.Status), Reason: in.State.Reason}
	out := &fis.UpdateSafetyLeverStateOutput{SafetyLever: showLever(region, wanted)}
	return out, s.store.Update(func(tx *cloud.Tx) error {
		before, err := lever(tx, region)
		if err != nil {
			return err
		}
		if before.Status == wanted.Status && aws.ToString(before.Reason) != aws.ToString(wanted.Reason) {
			return cloud.StatusErrorf(409, "ConflictException", "The safety lever is already %s.", wanted.Status)
		}
		return levers.Put(tx, region, leverID, &leverRow{wanted})
	})
}
