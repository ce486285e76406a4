package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"haven/cmd/haven/internal/environment"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

// shownEvents is how many of the last events are printed.
const shownEvents = 8

// printSight prints what only the lab tells: traffic, faults in force, alarms that call, and what happened last.
func printSight(w io.Writer, lab *environment.Lab) error {
	if lab == nil {
		return nil
	}
	fmt.Fprintf(w, "\ntraffic   %s\n", trafficText(lab.Traffic))
	for _, fault := range lab.Faults {
		fmt.Fprintf(w, "fault     %s %s, for %s; heal it: haven lab fault heal %s\n", fault.Kind, fault.Text, time.Since(fault.Since).Round(time.Second), fault.ID)
	}
	calling := 0
	for _, alarm := range lab.Alarms {
		if alarm.State == "ALARM" && !alarm.Tracking() {
			calling++
			fmt.Fprintf(w, "alarm     %s: %s\n", alarm.Name, alarm.Reason)
		}
	}
	if calling == 0 && len(lab.Alarms) > 0 {
		fmt.Fprintf(w, "alarms    none of %d calls\n", len(lab.Alarms))
	}
	if len(lab.Events) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nLast events")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, event := range lab.Events[max(0, len(lab.Events)-shownEvents):] {
		fmt.Fprintln(table, eventText(event))
	}
	return table.Flush()
}

// eventText is an event as a line of a table.
func eventText(e timeline.Event) string {
	mark := map[timeline.Severity]string{timeline.Good: "+", timeline.Warning: "!", timeline.Critical: "!!"}[e.Severity]
	return strings.Join([]string{e.Time.Local().Format(time.TimeOnly), mark, e.Zone, e.Subject, e.Text}, "\t")
}

func trafficText(t traffic.Sample) string {
	if t.Requests == 0 {
		return "no requests in the last seconds"
	}
	return fmt.Sprintf("%.1f requests/s, %.1f errors/s (5xx), latency p50 %s, p90 %s, p99 %s",
		t.Requests, t.Errors, millis(t.P50), millis(t.P90), millis(t.P99))
}

func millis(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}

func lagText(lag *float64) string {
	if lag == nil {
		return ""
	}
	return "lag " + millis(*lag)
}
