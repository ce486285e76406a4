package ec2

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// changeStates changes each instance and tells its state before and after. All of them change or none.
func (s *Service) changeStates(ctx context.Context, ids []string, change func(*cloud.Tx, string, *instanceRow) error) ([]types.InstanceStateChange, error) {
	var changes []types.InstanceStateChange
	err := s.update(ctx, func(tx *cloud.Tx, region string) error {
		if len(ids) == 0 {
			return cloud.Errorf("MissingParameter", "The request must contain the parameter InstanceIds")
		}
		rows, err := instances.pick(tx, region, ids)
		if err != nil {
			return err
		}
		for _, row := range rows {
			before, was := row.State, row.condition()
			if err := change(tx, region, row); err != nil {
				return err
			}
			s.tell(tx, region, was, row)
			changes = append(changes, types.InstanceStateChange{
				InstanceId: aws.String(row.ID), PreviousState: showState(before), CurrentState: showState(row.State),
			})
		}
		return nil
	})
	return changes, err
}

// TerminateInstances ends instances for good. A protected one holds up those of its own zone; those of other zones end
// and the call fails all the same (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html).
func (s *Service) TerminateInstances(ctx context.Context, in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error) {
	force := aws.ToBool(in.Force) || aws.ToBool(in.SkipOsShutdown)
	protected, err := s.protectedZones(ctx, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	var refused error
	changes, err := s.changeStates(ctx, in.InstanceIds, func(tx *cloud.Tx, region string, row *instanceRow) error {
		if id := protected[row.Zone]; id != "" && !row.ending() {
			refused = cloud.Errorf("OperationNotPermitted",
				"The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", id)
			return nil
		}
		row.ForceStop = row.ForceStop || force
		return s.terminate(tx, region, row, "User initiated", "")
	})
	if err == nil {
		err = refused
	}
	return &ec2.TerminateInstancesOutput{TerminatingInstances: changes}, err
}

// protectedZones are the zones of the instances that may not be terminated, each with one of them.
func (s *Service) protectedZones(ctx context.Context, ids []string) (map[string]string, error) {
	zones := map[string]string{}
	return zones, s.view(ctx, func(tx *cloud.Tx, region string) error {
		for _, id := range ids {
			row, err := instances.find(tx, region, id)
			if err != nil {
				return err
			}
			if row.NoTerminate && !row.ending() {
				zones[row.Zone] = row.ID
			}
		}
		return nil
	})
}

// StopInstances stops running instances; their disks and private addresses stay.
func (s *Service) StopInstances(ctx context.Context, in *ec2.StopInstancesInput) (*ec2.StopInstancesOutput, error) {
	if err := refuse("Hibernate", in.Hibernate); err != nil {
		return nil, err
	}
	force := aws.ToBool(in.Force) || aws.ToBool(in.SkipOsShutdown)
	changes, err := s.changeStates(ctx, in.InstanceIds, func(tx *cloud.Tx, region string, row *instanceRow) error {
		switch row.State {
		case types.InstanceStateNameStopping:
			row.ForceStop = row.ForceStop || force // one that hangs can be forced
			return instances.save(tx, region, row)
		case types.InstanceStateNameStopped:
			return nil
		case types.InstanceStateNameRunning:
		default:
			return cloud.Errorf("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be stopped.", row.ID)
		}
		if row.NoStop {
			return cloud.Errorf("OperationNotPermitted",
				"The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", row.ID)
		}
		row.State, row.ForceStop, row.Reboot = types.InstanceStateNameStopping, force, false
		row.Transition = fmt.Sprintf("User initiated (%s GMT)", now().Format(time.DateTime))
		row.Reason = &reason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
		return instances.save(tx, region, row)
	})
	return &ec2.StopInstancesOutput{StoppingInstances: changes}, err
}

// StartInstances starts stopped instances.
func (s *Service) StartInstances(ctx context.Context, in *ec2.StartInstancesInput) (*ec2.StartInstancesOutput, error) {
	changes, err := s.changeStates(ctx, in.InstanceIds, func(tx *cloud.Tx, region string, row *instanceRow) error {
		switch row.State {
		case types.InstanceStateNamePending, types.InstanceStateNameRunning:
			return nil
		case types.InstanceStateNameStopped:
		default:
			return cloud.Errorf("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", row.ID)
		}
		if err := s.checkPower(region, row.Zone, row.Type); err != nil {
			return err
		}
		row.State, row.Reason, row.Transition, row.LaunchedAt = types.InstanceStateNamePending, s.pendingReason(), "", now()
		row.Restarted = true
		if err := republish(tx, region, row); err != nil {
			return err
		}
		return instances.save(tx, region, row)
	})
	return &ec2.StartInstancesOutput{StartingInstances: changes}, err
}

// republish gives a started instance a new public address where it had one of AWS's pool.
func republish(tx *cloud.Tx, region string, row *instanceRow) error {
	nic, err := interfaces.find(tx, region, row.Interface)
	if err != nil || !nic.AutoPublic || nic.Public.IsValid() {
		return err
	}
	if err := takePublic(tx, region, nic); err != nil {
		return err
	}
	return interfaces.save(tx, region, nic)
}

// unpublish gives the public address of AWS's pool back: a stopped instance has none.
func unpublish(tx *cloud.Tx, region string, row *instanceRow) error {
	nic, err := interfaces.Get(tx, region, row.Interface)
	if err != nil || nic == nil || !nic.Public.IsValid() {
		return err
	}
	if err := publicAddresses.Delete(tx, cloud.Global, nic.Public.String()); err != nil {
		return err
	}
	nic.Public = interfaceRow{}.Public
	return interfaces.save(tx, region, nic)
}

// RebootInstances reboots running instances.
func (s *Service) RebootInstances(ctx context.Context, in *ec2.RebootInstancesInput) (*ec2.RebootInstancesOutput, error) {
	_, err := s.changeStates(ctx, in.InstanceIds, func(tx *cloud.Tx, region string, row *instanceRow) error {
		if row.State != types.InstanceStateNameRunning {
			return cloud.Errorf("IncorrectState", "The instance '%s' is not in the 'running' state: it is %s.", row.ID, row.State)
		}
		row.Reboot = true
		return instances.save(tx, region, row)
	})
	return &ec2.RebootInstancesOutput{}, err
}
