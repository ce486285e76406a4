package ec2

import (
	"maps"

	"haven/lab/cloud"
)

// Groups is what EC2 asks of Auto Scaling when it measures: whether an instance's data count in its group's already.
type Groups interface {
	// Aggregates returns the group that an instance is in, empty for none, and whether it has warmed up.
	Aggregates(tx *cloud.Tx, region, instanceID string) (group string, counts bool, err error)
}

// WithGroups sets who knows which instances have warmed up. Without it all of a group count in its metrics.
func WithGroups(g Groups) Option { return func(s *Service) { s.groups = g } }

// withoutYoung leaves the group out of instances that do not count in it yet
// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html).
func (s *Service) withoutYoung(region string, rows []*instanceRow) error {
	if s.groups == nil {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		for n, row := range rows {
			if row.Tags[groupTag] == "" {
				continue
			}
			group, counts, err := s.groups.Aggregates(tx, region, row.ID)
			if err != nil {
				return err
			}
			if group == "" || counts {
				continue
			}
			alone := *row // the row is shared
			alone.Tags = maps.Clone(row.Tags)
			delete(alone.Tags, groupTag)
			rows[n] = &alone
		}
		return nil
	})
}
