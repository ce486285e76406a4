package networkfirewall

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/vpc"
)

// measureEvery is how often endpoints are measured. AWS has a point a minute:
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/monitoring-cloudwatch.html
const measureEvery = 30 * time.Second

// Counts tells what firewall endpoints have done with packets, by their interfaces' ids.
type Counts interface {
	FirewallCounts(ctx context.Context) (map[string]vpc.FirewallCount, error)
}

// Measure records what endpoints do with packets, until the context ends. Only the stateful engine is measured: the lab has no other.
func (s *Service) Measure(ctx context.Context, counts Counts, sink metric.Sink) {
	last := map[string]vpc.FirewallCount{}
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		now, err := counts.FirewallCounts(ctx)
		if err == nil {
			err = s.recordCounts(sink, now, last)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("measuring firewall endpoints", "error", err)
		}
		last = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// recordCounts records what has happened since the counts before. An endpoint that was not counted before has nothing to compare with.
func (s *Service) recordCounts(sink metric.Sink, now, before map[string]vpc.FirewallCount) error {
	return s.store.View(func(tx *cloud.Tx) error {
		rows, err := firewalls.ListAll(tx)
		if err != nil {
			return err
		}
		for _, f := range rows {
			own, err := arn.Parse(f.ARN)
			if err != nil {
				return err
			}
			for _, at := range f.Endpoints {
				earlier, known := before[at.InterfaceID]
				if count, counted := now[at.InterfaceID]; counted && known {
					sink.Record(own.Region, data(f.Name, at.Zone, since(count, earlier))...)
				}
			}
		}
		return nil
	})
}

// since is what was counted between two looks. Counters begin anew when an endpoint's rules are loaded.
func since(now, before vpc.FirewallCount) vpc.FirewallCount {
	if now.Received < before.Received || now.Dropped < before.Dropped || now.Rejected < before.Rejected {
		return now
	}
	return vpc.FirewallCount{Received: now.Received - before.Received, Dropped: now.Dropped - before.Dropped, Rejected: now.Rejected - before.Rejected}
}

func data(firewall, zone string, count vpc.FirewallCount) (all []metric.Datum) {
	passed := count.Received - min(count.Received, count.Dropped+count.Rejected)
	for _, one := range []struct {
		name  string
		value uint64
	}{{"ReceivedPackets", count.Received}, {"PassedPackets", passed}, {"DroppedPackets", count.Dropped}, {"RejectedPackets", count.Rejected}} {
		all = append(all, metric.Datum{
			Namespace: "AWS/NetworkFirewall", Name: one.name, Unit: "Count", Values: []float64{float64(one.value)},
			Dimensions: []metric.Dimension{{Name: "FirewallName", Value: firewall}, {Name: "AvailabilityZone", Value: zone}, {Name: "Engine", Value: "Stateful"}},
		})
	}
	return all
}
