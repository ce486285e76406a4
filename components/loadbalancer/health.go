package loadbalancer

import (
	"errors"
	"fmt"
	"time"
)

// Health is how the balancer finds out that a server is broken.
type Health struct {
	Path            string
	IntervalSeconds int // 5 to 300
	TimeoutSeconds  int // 2 to 120, less than the interval
	HealthyAfter    int // 2 to 10 checks in a row
	UnhealthyAfter  int // 2 to 10 checks in a row
}

// Detection is the longest time from a server's failure until it gets no more
// new requests: it may fail just after a check, and the last check that counts
// against it may have to time out.
func (h Health) Detection() time.Duration {
	return time.Duration(h.IntervalSeconds*h.UnhealthyAfter+h.TimeoutSeconds) * time.Second
}

// validate holds AWS's own limits.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (h Health) validate() error {
	var problems []error
	between := func(name string, value, low, high int) {
		if value < low || value > high {
			problems = append(problems, fmt.Errorf("%s is %d: expected %d to %d", name, value, low, high))
		}
	}
	between("Health.IntervalSeconds", h.IntervalSeconds, 5, 300)
	between("Health.TimeoutSeconds", h.TimeoutSeconds, 2, 120)
	between("Health.HealthyAfter", h.HealthyAfter, 2, 10)
	between("Health.UnhealthyAfter", h.UnhealthyAfter, 2, 10)
	if h.TimeoutSeconds >= h.IntervalSeconds {
		problems = append(problems, errors.New("Health.TimeoutSeconds has to be less than Health.IntervalSeconds"))
	}
	if h.Path == "" {
		problems = append(problems, errors.New("Health.Path is required"))
	}
	return errors.Join(problems...)
}
