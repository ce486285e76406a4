package ec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// MonitorInstances has instances measured each minute.
func (s *Service) MonitorInstances(ctx context.Context, in *ec2.MonitorInstancesInput) (*ec2.MonitorInstancesOutput, error) {
	shown, err := s.setMonitoring(ctx, in.InstanceIds, true, types.MonitoringStatePending)
	return &ec2.MonitorInstancesOutput{InstanceMonitorings: shown}, err
}

// UnmonitorInstances has instances measured each five minutes, as they are without being told.
func (s *Service) UnmonitorInstances(ctx context.Context, in *ec2.UnmonitorInstancesInput) (*ec2.UnmonitorInstancesOutput, error) {
	shown, err := s.setMonitoring(ctx, in.InstanceIds, false, types.MonitoringStateDisabling)
	return &ec2.UnmonitorInstancesOutput{InstanceMonitorings: shown}, err
}

func (s *Service) setMonitoring(ctx context.Context, ids []string, on bool, answer types.MonitoringState) ([]types.InstanceMonitoring, error) {
	var shown []types.InstanceMonitoring
	return shown, s.update(ctx, func(tx *cloud.Tx, region string) error {
		for _, id := range ids {
			row, err := instances.find(tx, region, id)
			if err != nil {
				return err
			}
			if row.ending() {
				return cloud.Errorf("IncorrectInstanceState", "The instance '%s' is not in a valid state for this operation: %s.", row.ID, row.State)
			}
			row.Monitoring = on
			if err := instances.save(tx, region, row); err != nil {
				return err
			}
			shown = append(shown, types.InstanceMonitoring{InstanceId: aws.String(id), Monitoring: &types.Monitoring{State: answer}})
		}
		return nil
	})
}

// ModifyInstanceMaintenanceOptions sets whether EC2 recovers an instance whose host fails.
func (s *Service) ModifyInstanceMaintenanceOptions(ctx context.Context, in *ec2.ModifyInstanceMaintenanceOptionsInput) (*ec2.ModifyInstanceMaintenanceOptionsOutput, error) {
	out := &ec2.ModifyInstanceMaintenanceOptionsOutput{InstanceId: in.InstanceId}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := instances.find(tx, region, aws.ToString(in.InstanceId))
		if err != nil {
			return err
		}
		if in.AutoRecovery != "" {
			row.NoRecovery = in.AutoRecovery == types.InstanceAutoRecoveryStateDisabled
		}
		out.AutoRecovery = row.recovery()
		return instances.save(tx, region, row)
	})
}
