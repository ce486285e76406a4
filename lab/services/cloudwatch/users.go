package cloudwatch

import (
	"slices"

	"haven/lab/cloud"
)

// AlarmsFor returns the ARNs, by their names, of the alarms that have an action done in one of their states.
func (s *Service) AlarmsFor(tx *cloud.Tx, region, actionARN string) (map[string]string, error) {
	all, err := alarms.List(tx, region)
	found := map[string]string{}
	for _, row := range all {
		is := row.common()
		if slices.Contains(is.okActions, actionARN) || slices.Contains(is.alarmActions, actionARN) || slices.Contains(is.otherActions, actionARN) {
			found[is.name] = is.arn
		}
	}
	return found, err
}
