package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// realised makes NAT gateways and endpoints available whose interfaces are in the network that was made.
func (s *Service) realised(spec vpc.Spec) error {
	there := map[string]bool{}
	for _, network := range spec.VPCs {
		for _, nic := range network.Interfaces {
			there[nic.ID] = true
		}
	}
	waiting := false
	err := s.store.View(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			gateways, err := natGateways.where(tx, region.Name, func(g *natGatewayRow) bool { return g.becomesAvailable(there) })
			if err != nil {
				return err
			}
			doors, err := endpoints.where(tx, region.Name, func(e *endpointRow) bool { return e.becomesAvailable(there) })
			if err != nil {
				return err
			}
			waiting = waiting || len(gateways)+len(doors) > 0
		}
		return nil
	})
	if err != nil || !waiting {
		return err
	}
	return s.store.Update(func(tx *cloud.Tx) error {
		for _, region := range cloud.Regions() {
			if err := s.release(tx, region.Name, there); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) release(tx *cloud.Tx, region string, there map[string]bool) error {
	gateways, err := natGateways.where(tx, region, func(g *natGatewayRow) bool { return g.becomesAvailable(there) })
	if err != nil {
		return err
	}
	for _, gateway := range gateways {
		gateway.State = types.NatGatewayStateAvailable
		if err := natGateways.save(tx, region, gateway); err != nil {
			return err
		}
	}
	doors, err := endpoints.where(tx, region, func(e *endpointRow) bool { return e.becomesAvailable(there) })
	if err != nil {
		return err
	}
	for _, door := range doors {
		door.State = types.StateAvailable
		if err := endpoints.save(tx, region, door); err != nil {
			return err
		}
	}
	return nil
}

func (r *natGatewayRow) becomesAvailable(there map[string]bool) bool {
	return r.State == types.NatGatewayStatePending && there[r.Interface]
}

func (r *endpointRow) becomesAvailable(there map[string]bool) bool {
	if r.State != types.StatePending {
		return false
	}
	for _, nic := range r.Interfaces {
		if !there[nic.Interface] {
			return false
		}
	}
	return true
}
