package ec2

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/machine"
)

// The metrics of instances: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
const (
	metricsNamespace = "AWS/EC2"
	measureEvery     = time.Minute // with detailed monitoring, and status checks
	basicEvery       = 5 * time.Minute
	groupTag         = "aws:autoscaling:groupName"
)

// reading is what an instance used in one minute.
type reading map[string]float64

// units are the metrics with their units, as CloudWatch names both.
var units = map[string]string{
	"CPUUtilization": "Percent",
	"NetworkIn":      "Bytes", "NetworkOut": "Bytes", "NetworkPacketsIn": "Count", "NetworkPacketsOut": "Count",
	"EBSReadOps": "Count", "EBSWriteOps": "Count", "EBSReadBytes": "Bytes", "EBSWriteBytes": "Bytes",
}

// meter remembers what instances had used when they were last looked at.
type meter struct {
	last map[string]sample
	kept map[string][]reading // of instances with basic monitoring, until their five minutes are over

	spent map[string]float64 // CPU credits in these five minutes
}

type sample struct {
	at   time.Time
	used machine.Usage
}

// measure records the metrics of running instances each minute until the context ends.
func (s *Service) measure(ctx context.Context) {
	if s.machines == nil {
		return
	}
	m := &meter{last: map[string]sample{}, kept: map[string][]reading{}, spent: map[string]float64{}}
	for {
		next := time.Now().Truncate(measureEvery).Add(measureEvery)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next)):
		}
		for _, region := range cloud.Regions() {
			rows, err := s.allInstances(region.Name)
			if err == nil {
				err = s.withoutYoung(region.Name, rows)
			}
			if err != nil {
				s.log.Warn("measuring instances", "region", region.Name, "error", err)
				continue
			}
			s.sink.Record(region.Name, m.round(s, rows, next)...)
		}
	}
}

// round measures a region's instances for the minute that ends now.
func (m *meter) round(s *Service, rows []*instanceRow, end time.Time) (data []metric.Datum) {
	for _, row := range rows {
		if row.State != types.InstanceStateNameRunning {
			delete(m.last, row.ID)
			delete(m.kept, row.ID)
			delete(m.spent, row.ID)
			continue
		}
		data = append(data, s.checkData(row, end)...)
		used, ok := s.machines.Usage(row.ID)
		if !ok {
			delete(m.last, row.ID)
			continue
		}
		now := sample{time.Now(), used}
		before, known := m.last[row.ID]
		m.last[row.ID] = now
		if !known {
			before.at = end.Add(-measureEvery)
		}
		kind, _ := findInstanceType(row.Type)
		read := readingOf(before, now, float64(kind.size.vcpus))
		m.kept[row.ID] = append(m.kept[row.ID], read)
		m.spent[row.ID] += read["CPUUtilization"] / 100 * float64(kind.size.vcpus)
		if kind.family.burstable && end.Truncate(basicEvery).Equal(end) {
			data = append(data, row.creditData(used.Credits, m.spent[row.ID], end)...)
			delete(m.spent, row.ID)
		}
		if row.Monitoring || end.Truncate(basicEvery).Equal(end) {
			data = append(data, row.usageData(m.kept[row.ID], end)...)
			delete(m.kept, row.ID)
		}
	}
	return data
}

// readingOf is what was used between two samples. A counter that went back began anew.
func readingOf(before, now sample, vcpus float64) reading {
	since := func(was, is uint64) float64 {
		if is < was {
			was = 0
		}
		return float64(is - was)
	}
	b, n := before.used, now.used
	busy := since(uint64(b.CPU), uint64(n.CPU)) / float64(max(now.at.Sub(before.at), time.Millisecond)) / max(vcpus, 1)
	return reading{
		"CPUUtilization": min(100*busy, 100),
		"NetworkIn":      since(b.BytesIn, n.BytesIn), "NetworkOut": since(b.BytesOut, n.BytesOut),
		"NetworkPacketsIn": since(b.PacketsIn, n.PacketsIn), "NetworkPacketsOut": since(b.PacketsOut, n.PacketsOut),
		"EBSReadOps": since(b.Volume.ReadOps, n.Volume.ReadOps), "EBSWriteOps": since(b.Volume.WriteOps, n.Volume.WriteOps),
		"EBSReadBytes": since(b.Volume.ReadBytes, n.Volume.ReadBytes), "EBSWriteBytes": since(b.Volume.WriteBytes, n.Volume.WriteBytes),
	}
}

// usageData are the data of the minutes that end now, which CloudWatch has under their beginning.
func (i *instanceRow) usageData(minutes []reading, end time.Time) []metric.Datum {
	var data []metric.Datum
	for name, unit := range units {
		values := make([]float64, len(minutes))
		for n, minute := range minutes {
			values[n] = minute[name]
		}
		begin := end.Add(-measureEvery)
		if !i.Monitoring {
			begin = end.Add(-basicEvery)
		}
		for _, dimensions := range i.dimensions() {
			data = append(data, metric.Datum{Namespace: metricsNamespace, Name: name, Dimensions: dimensions, Time: begin, Unit: unit, Values: values})
		}
	}
	return data
}

// dimensions are what the instance's data count for: itself, its Auto Scaling group and, with detailed monitoring, its
// image, its type and everything.
func (i *instanceRow) dimensions() [][]metric.Dimension {
	one := func(name, value string) []metric.Dimension { return []metric.Dimension{{Name: name, Value: value}} }
	all := [][]metric.Dimension{one("InstanceId", i.ID)}
	if group := i.Tags[groupTag]; group != "" {
		all = append(all, one("AutoScalingGroupName", group))
	}
	if i.Monitoring {
		all = append(all, one("ImageId", i.Image), one("InstanceType", i.Type), nil)
	}
	return all
}

// checkData are the status checks, which are there each minute whatever the monitoring.
func (s *Service) checkData(row *instanceRow, end time.Time) []metric.Datum {
	_, dark := s.dark.of(row.Zone)
	number := func(failed bool) []float64 {
		if failed {
			return []float64{1}
		}
		return []float64{0}
	}
	var data []metric.Datum
	for name, failed := range map[string]bool{
		"StatusCheckFailed": dark || row.Impaired, "StatusCheckFailed_System": dark, "StatusCheckFailed_Instance": dark || row.Impaired,
	} {
		for _, dimensions := range row.dimensions() {
			data = append(data, metric.Datum{
				Namespace: metricsNamespace, Name: name, Dimensions: dimensions, Time: end.Add(-measureEvery), Unit: "Count", Values: number(failed),
			})
		}
	}
	return data
}

// creditData are the CPU credits of a burstable instance, which are told each five minutes whatever the monitoring.
func (i *instanceRow) creditData(balance, spent float64, end time.Time) []metric.Datum {
	var data []metric.Datum
	for name, value := range map[string]float64{"CPUCreditBalance": balance, "CPUCreditUsage": spent} {
		data = append(data, metric.Datum{
			Namespace: metricsNamespace, Name: name, Dimensions: []metric.Dimension{{Name: "InstanceId", Value: i.ID}},
			Time: end.Add(-basicEvery), Unit: "Count", Values: []float64{value},
		})
	}
	return data
}
