package budget

import (
	"fmt"
	"time"
)

// Alerted names how long it may take until every steward knows.
const Alerted Fault = "monitoring/alerted"

// Alarm is what an alarm declares of its time.
type Alarm struct {
	Period     time.Duration // of its metric's statistic
	Datapoints int           // periods in a row that have to be bad
}

// The documents that alarms' terms follow.
const (
	alarmDocument   = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html"
	metricsDocument = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"
)

const (
	publication = time.Minute // AWS publishes standard metrics so often
	evaluation  = time.Minute // and looks at alarms so often
	delivery    = 30 * time.Second
)

// Delivery is how soon a message that was published has to be with every steward.
func Delivery() Budget {
	return Budget{Alerted, []Term{{"delivery", delivery, "the project's own objective: AWS states none", ""}}}
}

// ForAlarm computes how long it may take from the fault's effect until every steward was told.
func ForAlarm(a Alarm) (Budget, error) {
	if a.Period < time.Minute || a.Datapoints < 1 {
		return Budget{}, fmt.Errorf("computing the time of an alarm: its period is %s and it needs %d datapoints; expected at least %s and 1", a.Period, a.Datapoints, time.Minute)
	}
	terms := []Term{
		{"periods", a.Period * time.Duration(a.Datapoints), "so many of them have to be bad, and each has to be over", alarmDocument},
		{"metric published", publication, "a minute's measurements are there after it", metricsDocument},
		{"alarm evaluated", evaluation, "alarms are looked at each minute", alarmDocument},
	}
	return Budget{Alerted, append(terms, Delivery().Terms...)}, nil
}
