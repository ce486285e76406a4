package rds

import "haven/lab/cloud"

// Member is a database instance as it is placed.
type Member struct {
	Region, Zone string
	Name         string
	Cluster      string
	Interface    string // empty until it has one
}

// Members returns the database instances of every region.
func (s *Service) Members(tx *cloud.Tx) ([]Member, error) {
	rows, err := instances.ListAll(tx)
	all := make([]Member, 0, len(rows))
	for _, row := range rows {
		all = append(all, Member{Region: row.Region, Zone: row.Zone, Name: row.Name, Cluster: row.Cluster, Interface: row.Interface})
	}
	return all, err
}
