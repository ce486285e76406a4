package settings

import "haven/components/loadbalancer"

// Health is how the balancer checks servers on a path.
func (s Settings) Health(path string) loadbalancer.Health {
	return loadbalancer.Health{
		Path: path, IntervalSeconds: s.HealthInterval, TimeoutSeconds: s.HealthTimeout,
		HealthyAfter: s.HealthThreshold, UnhealthyAfter: s.HealthThreshold,
	}
}

// DetectionSeconds is the longest that the balancer takes to notice that a server isn't ready any more.
func (s Settings) DetectionSeconds() int { return int(s.Health("").Detection().Seconds()) }
