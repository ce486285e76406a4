package efs

import "haven/lab/cloud"

// lostRow marks a zone whose disks are gone; it is under the zone's name.
type lostRow struct{ Zone string }

var lostZones = cloud.NewTable[lostRow]("efs.lostzones")

// SetDisksLost takes the disks of a zone away from every file system, or gives new ones, which are then healed. AWS has
// no call for it: it is a fault of the lab.
func (s *Service) SetDisksLost(zone string, lost bool) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		if !lost {
			return lostZones.Delete(tx, cloud.Global, zone)
		}
		return lostZones.Put(tx, cloud.Global, zone, &lostRow{Zone: zone})
	})
}

// lostOf returns those of the zones whose disks are gone.
func lostOf(tx *cloud.Tx, zones []string) ([]string, error) {
	var lost []string
	for _, zone := range zones {
		row, err := lostZones.Get(tx, cloud.Global, zone)
		if err != nil {
			return nil, err
		}
		if row != nil {
			lost = append(lost, zone)
		}
	}
	return lost, nil
}
