package route53

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"haven/lab/cloud"
)

// enough is the share of checkers, in percent, that more than which must report an endpoint as healthy
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html).
const enough = 18

// checker is what one checker thinks of an endpoint.
type checker struct {
	healthy bool
	row     int // how many results in a row were against its opinion
}

// take adds a result: the opinion changes after as many in a row as the threshold says, either way.
func (c checker) take(success bool, threshold int) checker {
	if success == c.healthy {
		return checker{healthy: c.healthy}
	}
	if c.row+1 >= threshold {
		return checker{healthy: success}
	}
	return checker{healthy: c.healthy, row: c.row + 1}
}

// agreed tells whether enough checkers report an endpoint as healthy, and their share in percent.
func agreed(checkers []checker) (healthy bool, percent float64) {
	if len(checkers) == 0 {
		return true, 100
	}
	count := 0
	for _, c := range checkers {
		if c.healthy {
			count++
		}
	}
	percent = 100 * float64(count) / float64(len(checkers))
	return percent > enough, percent
}

// world is what health checks are judged by.
type world struct {
	checks    map[string]*check
	endpoints map[string]bool                  // what checkers agreed on; missing: not enough is known yet
	known     map[string]bool                  // statuses until now
	alarms    map[string]cloudwatch.StateValue // of CLOUDWATCH_METRIC checks, by the check's id
}

// status tells whether a health check is healthy. One that nothing is known of yet is, before it may be inverted; so is
// one that is disabled, and one that does not exist.
func (w *world) status(id string) bool { return w.judge(id, nil) }

func (w *world) judge(id string, above []string) bool {
	c := w.checks[id]
	if c == nil || slices.Contains(above, id) {
		return true
	}
	healthy := true
	switch {
	case aws.ToBool(c.Config.Disabled):
	case c.Config.Type == types.HealthCheckTypeCalculated:
		healthy = w.calculate(c, append(above, id))
	case c.Config.Type == types.HealthCheckTypeCloudwatchMetric:
		return w.alarmed(c)
	default:
		if seen, known := w.endpoints[id]; known {
			healthy = seen
		}
	}
	return healthy != aws.ToBool(c.Config.Inverted)
}

func (w *world) calculate(c *check, above []string) bool {
	count := int32(0)
	for _, child := range c.Config.ChildHealthChecks {
		if w.judge(child, above) {
			count++
		}
	}
	return count >= aws.ToInt32(c.Config.HealthThreshold)
}

// alarmed follows an alarm: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
func (w *world) alarmed(c *check) bool {
	inverted := aws.ToBool(c.Config.Inverted)
	switch w.alarms[c.ID] {
	case cloudwatch.StateValueOk:
		return !inverted
	case cloudwatch.StateValueAlarm:
		return inverted
	}
	switch c.Config.InsufficientDataHealthStatus {
	case types.InsufficientDataHealthStatusHealthy:
		return !inverted
	case types.InsufficientDataHealthStatusUnhealthy:
		return inverted
	}
	if last, known := w.known[c.ID]; known {
		return last
	}
	return !inverted
}

// healthRow is the status of a health check; none: nothing has been found out yet.
type healthRow struct {
	Healthy bool
	// Endpoint is what checkers agreed on, before anything is inverted or calculated.
	Endpoint *bool
}

// Gone is always true: a status is no resource of the account.
func (*healthRow) Gone() bool { return true }

var statuses = cloud.NewTable[healthRow]("route53.healthstatus")

// healthOf returns what tells the status of each health check as it was found out last.
func healthOf(tx *cloud.Tx) (func(id string) bool, error) {
	all, err := checks.ListAll(tx)
	if err != nil {
		return nil, err
	}
	w := &world{checks: map[string]*check{}}
	for _, c := range all {
		w.checks[c.ID] = c
	}
	rows := map[string]bool{}
	for id := range w.checks {
		row, err := statuses.Get(tx, cloud.Global, id)
		if err != nil {
			return nil, err
		}
		if row != nil {
			rows[id] = row.Healthy
		}
	}
	return func(id string) bool {
		if healthy, known := rows[id]; known {
			return healthy
		}
		return w.status(id)
	}, nil
}
