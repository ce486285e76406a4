package ec2

import (
	"haven/lab/cloud"
	"haven/lab/faults"
	"haven/lab/realm/vpc"
)

// Faults knows what is wrong with the network beyond what is declared.
type Faults interface {
	// Impairments returns what is wrong with the links of a region, by where they are.
	Impairments(tx *cloud.Tx, region string) (func(faults.Place) vpc.Impairment, error)
}

func (s *Service) impairments(tx *cloud.Tx, region string) (func(faults.Place) vpc.Impairment, error) {
	if s.faults == nil {
		return func(faults.Place) vpc.Impairment { return vpc.Impairment{} }, nil
	}
	return s.faults.Impairments(tx, region)
}

// place is where an interface is, and the instance behind it.
func (r *interfaceRow) place(region string) faults.Place {
	at := faults.Place{Region: region, Zone: r.Zone, Subnet: r.Subnet, Interface: r.ID, Role: r.Role}
	if r.Attachment != nil {
		at.Instance = r.Attachment.Instance
	}
	return at
}

// Places returns every network interface with something behind it, in every region, for faults to be aimed at.
func (s *Service) Places(tx *cloud.Tx) ([]faults.Place, error) {
	var all []faults.Place
	for _, region := range cloud.Regions() {
		rows, err := interfaces.List(tx, region.Name)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Attachment != nil {
				all = append(all, row.place(region.Name))
			}
		}
	}
	return all, nil
}

// Machine tells which interface an instance has and whether its machine should run, and which zone it is in, for faults.
type Machine struct {
	Region, Zone, ID, Interface string
}

// Running returns the instances that are pending or running, in every region.
func (s *Service) Running(tx *cloud.Tx) ([]Machine, error) {
	var all []Machine
	for _, region := range cloud.Regions() {
		rows, err := instances.List(tx, region.Name)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.State == "running" || row.State == "pending" {
				all = append(all, Machine{Region: region.Name, Zone: row.Zone, ID: row.ID, Interface: row.Interface})
			}
		}
	}
	return all, nil
}
