package ec2

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// linger is how long terminated instances and deleted NAT gateways are still shown: about an hour, as in AWS.
const linger = time.Hour

// Gone tells the inventory that only a record is left.
func (i *instanceRow) Gone() bool { return i.gone() }

// sweep removes records whose time is over.
func (s *Service) sweep() error {
	before := now().Add(-linger)
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			err := removeWhere(tx, region.Name, instances, func(r *instanceRow) bool { return r.gone() && r.TerminatedAt.Before(before) })
			if err != nil {
				return err
			}
			err = removeWhere(tx, region.Name, natGateways, func(r *natGatewayRow) bool { return r.Gone() && r.DeletedAt.Before(before) })
			if err != nil {
				return err
			}
			if err := sweepTokens(tx, region.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

func sweepTokens(tx *cloud.Tx, region string) error {
	old := now().Add(-tokenLife)
	rows, err := tokens.List(tx, region)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.At.After(old) {
			continue
		}
		if err := tokens.Delete(tx, region, row.Key); err != nil {
			return err
		}
	}
	return nil
}

// ground brings the records of a lab that now runs without machines down to what is true: what ran waits, what was on
// its way out is gone.
func (s *Service) ground() error {
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			rows, err := instances.List(tx, region.Name)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if err := s.groundOne(tx, region.Name, row); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Service) groundOne(tx *cloud.Tx, region string, row *instanceRow) error {
	switch row.State {
	case types.InstanceStateNameRunning, types.InstanceStateNamePending:
		row.State, row.Reason, row.Impaired, row.Reboot = types.InstanceStateNamePending, s.pendingReason(), false, false
	case types.InstanceStateNameStopping:
		isStopped(row)
	case types.InstanceStateNameShuttingDown:
		return s.bury(tx, region, row)
	}
	return instances.save(tx, region, row)
}
