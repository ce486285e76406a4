package rds

import (
	"context"
	"time"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/postgres"
)

// measureEvery is how often instances are measured; Aurora's metrics have a point a minute:
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
const measureEvery = 30 * time.Second

// measure records what instances do, until the context ends.
func (s *Service) measure(ctx context.Context) {
	last := map[string]postgres.Measurement{}
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		now := map[string]postgres.Measurement{}
		all := s.servers.Measure(ctx)
		for _, m := range all {
			now[m.Member] = m
		}
		if err := s.recordMetrics(all, last); err != nil {
			s.log.Error("recording what was measured of databases", "error", err)
		}
		last = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Service) recordMetrics(all []postgres.Measurement, last map[string]postgres.Measurement) error {
	return s.store.View(func(tx *cloud.Tx) error {
		rows, err := instances.ListAll(tx)
		if err != nil {
			return err
		}
		byID := map[string]*instanceRow{}
		for _, row := range rows {
			byID[row.ResourceID] = row
		}
		lags := map[string][]time.Duration{} // by cluster
		for _, m := range all {
			if row := byID[m.Member]; row != nil && !m.Writer {
				lags[row.Region+"/"+row.Cluster] = append(lags[row.Region+"/"+row.Cluster], m.Lag)
			}
		}
		for _, m := range all {
			row := byID[m.Member]
			if row == nil {
				continue
			}
			data := measured(m, last[m.Member], classes[row.Class])
			if m.Writer {
				data = append(data, lagRange(lags[row.Region+"/"+row.Cluster])...)
				s.metrics.Record(row.Region, clusterData(row, m)...)
			}
			s.metrics.Record(row.Region, spreadOver(row, m, data)...)
		}
		return nil
	})
}

// measured turns a measurement and the one before it into RDS's metrics.
func measured(now, before postgres.Measurement, size class) []metric.Datum {
	data := []metric.Datum{
		point("DatabaseConnections", "Count", float64(now.Connections)),
		point("FreeableMemory", "Bytes", float64(size.MemoryMiB<<20-now.Memory)),
		point("EngineUptime", "Seconds", now.Uptime.Seconds()),
		point("MaximumUsedTransactionIDs", "Count", float64(now.OldestAge)),
	}
	if now.Storage.Size > 0 {
		data = append(data, point("FreeLocalStorage", "Bytes", float64(now.Storage.Free)))
	}
	if now.Writer && now.CommitLatency > 0 {
		data = append(data, point("CommitLatency", "Milliseconds", milliseconds(now.CommitLatency)))
	}
	if !now.Writer {
		data = append(data, point("AuroraReplicaLag", "Milliseconds", milliseconds(now.Lag)))
	}
	return append(data, rates(now, before, size)...)
}

// rates are what happened in a second since the measurement before. After a restart there is none to compare with.
func rates(now, before postgres.Measurement, size class) []metric.Datum {
	seconds := now.At.Sub(before.At).Seconds()
	if before.At.IsZero() || seconds <= 0 || now.Uptime < before.Uptime {
		return nil
	}
	per := func(name, unit string, after, earlier int64) metric.Datum {
		return point(name, unit, max(0, float64(after-earlier))/seconds)
	}
	used := max(0, (now.Processor - before.Processor).Seconds())
	data := []metric.Datum{
		point("CPUUtilization", "Percent", min(100, 100*used/seconds/float64(max(1, size.CPUs)))),
		per("CommitThroughput", "Count/Second", now.Commits, before.Commits),
		per("Deadlocks", "Count/Second", now.Deadlocks, before.Deadlocks),
		per("NetworkReceiveThroughput", "Bytes/Second", now.Received, before.Received),
		per("NetworkTransmitThroughput", "Bytes/Second", now.Sent, before.Sent),
		point("NetworkThroughput", "Bytes/Second", max(0, float64(now.Received+now.Sent-before.Received-before.Sent))/seconds),
		per("ReadIOPS", "Count/Second", now.BlocksRead, before.BlocksRead),
		per("ReadThroughput", "Bytes/Second", now.BlocksRead*blockBytes, before.BlocksRead*blockBytes),
	}
	if now.Writer && before.Writer {
		data = append(data, per("WriteThroughput", "Bytes/Second", now.LogBytes, before.LogBytes))
	}
	if hits, all := now.BlocksHit-before.BlocksHit, now.BlocksHit+now.BlocksRead-before.BlocksHit-before.BlocksRead; all > 0 {
		data = append(data, point("BufferCacheHitRatio", "Percent", 100*float64(hits)/float64(all)))
	}
	return data
}

const blockBytes = 8192

func lagRange(lags []time.Duration) []metric.Datum {
	if len(lags) == 0 {
		return nil
	}
	least, most := lags[0], lags[0]
	for _, lag := range lags {
		least, most = min(least, lag), max(most, lag)
	}
	return []metric.Datum{
		point("AuroraReplicaLagMinimum", "Milliseconds", milliseconds(least)),
		point("AuroraReplicaLagMaximum", "Milliseconds", milliseconds(most)),
	}
}

// clusterData is what belongs to the cluster's volume.
func clusterData(row *instanceRow, m postgres.Measurement) []metric.Datum {
	data := []metric.Datum{point("VolumeBytesUsed", "Bytes", float64(m.DataBytes))}
	if m.Storage.Size > 0 {
		data = append(data, point("AuroraVolumeBytesLeftTotal", "Bytes", float64(m.Storage.Free)))
	}
	for i := range data {
		data[i].Time, data[i].Dimensions = m.At, []metric.Dimension{{Name: "DBClusterIdentifier", Value: row.Cluster}}
	}
	return data
}

// spreadOver gives each datum the dimensions that RDS reports it under: the instance, its cluster, and its role there.
func spreadOver(row *instanceRow, m postgres.Measurement, data []metric.Datum) []metric.Datum {
	role := "READER"
	if m.Writer {
		role = "WRITER"
	}
	cluster := metric.Dimension{Name: "DBClusterIdentifier", Value: row.Cluster}
	var all []metric.Datum
	for _, dimensions := range [][]metric.Dimension{
		{{Name: "DBInstanceIdentifier", Value: row.Name}}, {cluster}, {cluster, {Name: "Role", Value: role}},
	} {
		for _, datum := range data {
			datum.Time, datum.Dimensions = m.At, dimensions
			all = append(all, datum)
		}
	}
	return all
}

func point(name, unit string, value float64) metric.Datum {
	return metric.Datum{Namespace: "AWS/RDS", Name: name, Unit: unit, Values: []float64{value}}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
