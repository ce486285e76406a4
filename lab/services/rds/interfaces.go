package rds

import "haven/lab/cloud"

// Interfaces returns the network interfaces of a region's instances, by the instances' names. The API does not tell
// them.
func (s *Service) Interfaces(tx *cloud.Tx, region string) (map[string]string, error) {
	rows, err := instances.List(tx, region)
	found := map[string]string{}
	for _, row := range rows {
		found[row.Name] = row.Interface
	}
	return found, err
}
