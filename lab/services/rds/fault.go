package rds

import "haven/lab/cloud"

// downRow marks a zone whose database hosts have no power; it is under the zone's name.
type downRow struct{ Zone string }

var downZones = cloud.NewTable[downRow]("rds.downzones")

// SetZoneDown takes the power from every instance in a zone, or gives it back. AWS has no call for it: it is a fault of
// the lab.
func (s *Service) SetZoneDown(zone string, down bool) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		if !down {
			return downZones.Delete(tx, cloud.Global, zone)
		}
		return downZones.Put(tx, cloud.Global, zone, &downRow{Zone: zone})
	})
}

func zoneDown(tx *cloud.Tx, zone string) (bool, error) {
	row, err := downZones.Get(tx, cloud.Global, zone)
	return row != nil, err
}
