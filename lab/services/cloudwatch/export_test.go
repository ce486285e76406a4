package cloudwatch

import "time"

// EvaluateAll is one turn of the loop that watches alarms.
func (s *Service) EvaluateAll() (time.Time, error) { return s.evaluateAll() }
