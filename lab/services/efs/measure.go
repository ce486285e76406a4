package efs

import (
	"fmt"
	"time"

	"haven/lab/metric"
	"haven/lab/realm/mirror"
	"haven/lab/timeline"
)

// measureTick is how often file systems are measured.
const measureTick = 20 * time.Second

// operationUnit is what EFS meters for an operation on metadata, in bytes
// (https://docs.aws.amazon.com/efs/latest/ug/metered-sizes.html).
const operationUnit = 4096

// observed is what was seen of the file systems before.
type observed struct {
	copies   map[string]mirror.DeviceState // by file system and zone
	traffic  map[string]mirror.Traffic     // by mount target
	measured time.Time
}

// follow tells of copies that changed, and measures on its tick. Only the reconciler calls it.
func (s *Service) follow(spec mirror.Spec, seen map[string]mirror.Observation, now time.Time) {
	s.tellCopies(seen)
	if now.Sub(s.before.measured) < measureTick {
		return
	}
	traffic := map[string]mirror.Traffic{}
	for _, system := range spec.FileSystems {
		o := seen[system.ID]
		if len(system.Zones) == 0 || !o.Ready {
			continue
		}
		zone := system.Zones[0]
		s.metrics.Record(zone[:len(zone)-1], s.measure(o, traffic)...)
	}
	s.before.traffic, s.before.measured = traffic, now
}

// tellCopies adds what became of copies to the timeline.
func (s *Service) tellCopies(seen map[string]mirror.Observation) {
	copies := map[string]mirror.DeviceState{}
	for id, o := range seen {
		for zone, state := range o.Devices {
			key := id + " " + zone
			copies[key] = state
			before, known := s.before.copies[key]
			if known && before != state || !known && state != mirror.DeviceHealthy {
				s.tell(copyEvent(id, zone, state, o.Reason))
			}
		}
	}
	s.before.copies = copies
}

func copyEvent(system, zone string, state mirror.DeviceState, reason string) timeline.Event {
	event := timeline.Event{Region: zone[:len(zone)-1], Zone: zone, Source: "efs", Subject: system}
	switch state {
	case mirror.DeviceLost:
		event.Text, event.Severity = "lost its copy in "+zone+" and serves from the others", timeline.Warning
	case mirror.DeviceHealing:
		event.Text, event.Severity = "fills its new copy in "+zone, timeline.Info
	default:
		event.Text, event.Severity = "has its copy in "+zone+" back, verified by its checksums", timeline.Good
	}
	if state == mirror.DeviceLost && reason != "" {
		event.Text += fmt.Sprintf(" (%s)", reason)
	}
	return event
}

// measure returns what a file system's clients did since the last time, and what is stored
// (https://docs.aws.amazon.com/efs/latest/ug/efs-metrics.html).
func (s *Service) measure(o mirror.Observation, traffic map[string]mirror.Traffic) []metric.Datum {
	var done mirror.Traffic
	clients := 0
	for _, target := range o.Targets {
		traffic[target.ID] = target.Traffic
		done = done.Plus(target.Traffic.Since(s.before.traffic[target.ID]))
		clients += target.Mounts
	}
	of := []metric.Dimension{{Name: "FileSystemId", Value: o.ID}}
	used := max(emptySize, o.Used)
	data := []metric.Datum{
		{Namespace: "AWS/EFS", Name: "ClientConnections", Dimensions: of, Unit: "Count", Values: []float64{float64(clients)}},
		stored(of, "Total", used), stored(of, "Standard", used),
	}
	data = append(data, operations(of, "DataReadIOBytes", done.Reads, done.ReadBytes)...)
	data = append(data, operations(of, "DataWriteIOBytes", done.Writes, done.WriteBytes)...)
	data = append(data, operations(of, "MetadataIOBytes", done.Others, done.Others*operationUnit)...)
	return append(data, operations(of, "TotalIOBytes", done.Reads+done.Writes+done.Others, done.ReadBytes+done.WriteBytes+done.Others*operationUnit)...)
}

func stored(of []metric.Dimension, class string, bytes int64) metric.Datum {
	return metric.Datum{
		Namespace: "AWS/EFS", Name: "StorageBytes", Dimensions: append(of[:1:1], metric.Dimension{Name: "StorageClass", Value: class}),
		Unit: "Bytes", Values: []float64{float64(bytes)},
	}
}

// operations returns a metric whose sum is bytes and whose sample count is operations; none of them, no data.
func operations(of []metric.Dimension, name string, count, bytes int64) []metric.Datum {
	if count == 0 {
		return nil
	}
	return []metric.Datum{{
		Namespace: "AWS/EFS", Name: name, Dimensions: of, Unit: "Bytes", Values: []float64{float64(bytes) / float64(count)}, Counts: []float64{float64(count)},
	}}
}
