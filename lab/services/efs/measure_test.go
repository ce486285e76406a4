package efs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/metric"
	"haven/lab/realm/mirror"
	"haven/lab/timeline"
)

type recorded map[string]float64

// Record keeps sums.
func (r recorded) Record(region string, data ...metric.Datum) {
	for _, d := range data {
		for i, value := range d.Values {
			count := 1.0
			if d.Counts != nil {
				count = d.Counts[i]
			}
			r[region+" "+d.Name] += value * count
		}
	}
}

func TestWhatClientsDidIsMeasuredOnceAndCopiesAreToldOf(t *testing.T) {
	sums, events := recorded{}, []timeline.Event{}
	s := New(nil, nil, WithMetrics(sums), WithTimeline(func(e timeline.Event) { events = append(events, e) }))
	spec := mirror.Spec{FileSystems: []mirror.FileSystem{{ID: "fs-1", Zones: []string{"us-west-2a", "us-west-2b"}}}}
	see := func(state mirror.DeviceState, reads int64, at time.Time) {
		s.follow(spec, map[string]mirror.Observation{"fs-1": {
			ID: "fs-1", Ready: true, Used: 1 << 20, Devices: map[string]mirror.DeviceState{"us-west-2b": state},
			Targets: []mirror.TargetObservation{{ID: "fsmt-1", Mounts: 2, Traffic: mirror.Traffic{Reads: reads, ReadBytes: reads * 100, Others: 1}}},
		}}, at)
	}
	begun := time.Now()
	see(mirror.DeviceHealthy, 5, begun)
	see(mirror.DeviceLost, 6, begun.Add(time.Second)) // too early to measure
	see(mirror.DeviceHealing, 7, begun.Add(2*measureTick))
	see(mirror.DeviceHealthy, 2, begun.Add(4*measureTick)) // the mount target began anew
	require.InDelta(t, 900, sums["us-west-2 DataReadIOBytes"], 0.1)
	require.InDelta(t, 6, sums["us-west-2 ClientConnections"], 0.1)
	require.InDelta(t, 900+2*operationUnit, sums["us-west-2 TotalIOBytes"], 0.1)
	var severities []timeline.Severity
	for _, e := range events {
		require.Equal(t, "us-west-2b", e.Zone)
		severities = append(severities, e.Severity)
	}
	require.Equal(t, []timeline.Severity{timeline.Warning, timeline.Info, timeline.Good}, severities)
}
