package ec2

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Terminate ends an instance on behalf of a service, whatever its termination protection; an unknown or ended one
// is no error. The reason is told in StateTransitionReason.
func (s *Service) Terminate(tx *cloud.Tx, region, instanceID, reason string) error {
	row, err := instances.Get(tx, region, instanceID)
	if err != nil || row == nil {
		return err
	}
	was := row.condition()
	if err := s.terminate(tx, region, row, "Service initiated", reason); err != nil {
		return err
	}
	s.tell(tx, region, was, row)
	return nil
}

// terminate flips the state at once. With a realm the machine's end is awaited; without one there is nothing to wait for.
func (s *Service) terminate(tx *cloud.Tx, region string, row *instanceRow, who, why string) error {
	if row.ending() {
		return nil
	}
	row.State = types.InstanceStateNameShuttingDown
	row.Transition = fmt.Sprintf("%s (%s GMT)", who, now().Format(time.DateTime))
	row.Reason = &reason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
	if why != "" {
		row.Transition += ": " + why
	}
	if s.machines == nil {
		return s.bury(tx, region, row)
	}
	return instances.save(tx, region, row)
}

// bury makes a shutting-down instance terminated: its interface and volumes go, the row lingers for a while.
func (s *Service) bury(tx *cloud.Tx, region string, row *instanceRow) error {
	row.State, row.TerminatedAt, row.Impaired, row.Reboot = types.InstanceStateNameTerminated, now(), false, false
	if err := releaseVolumes(tx, region, row); err != nil {
		return err
	}
	nic, err := interfaces.Get(tx, region, row.Interface)
	if err != nil {
		return err
	}
	if nic != nil && nic.Attachment != nil && nic.Attachment.DeleteOnTermination {
		err = dropInterface(tx, region, nic)
	} else if nic != nil {
		nic.Attachment = nil
		err = interfaces.save(tx, region, nic)
	}
	if err != nil {
		return err
	}
	row.Interface, row.PrivateIP = "", ""
	return instances.save(tx, region, row)
}

// pendingReason says why an instance will stay pending when the lab cannot run machines.
func (s *Service) pendingReason() *reason {
	if s.machines != nil {
		return &reason{Code: "pending", Message: "pending"}
	}
	return &reason{
		Code:    "Server.InsufficientInstanceCapacity",
		Message: "Server.InsufficientInstanceCapacity: this lab runs without the privileges to run machines; start it as root",
	}
}
