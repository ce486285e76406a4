package elasticloadbalancingv2

import (
	"maps"
	"slices"
	"time"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/realm/balancer"
)

// measure tells CloudWatch what the nodes did and which targets are healthy, once a period.
func (s *Service) measure(observed []balancer.Observation) error {
	now := s.now()
	s.measured.see(observed)
	nodes, due := s.measured.take(now)
	if !due {
		return nil
	}
	byBalancer := map[string][]balancer.Observation{}
	for _, o := range observed {
		byBalancer[o.Balancer] = append(byBalancer[o.Balancer], o)
	}
	return s.store.View(func(tx *cloud.Tx) error {
		return s.eachBalancer(tx, func(region string, b *loadBalancer) error {
			report := &report{now: now.UTC(), balancer: b.suffix(), groups: map[string]*reported{}}
			if err := s.reportGroups(tx, region, b, report); err != nil {
				return err
			}
			for _, o := range byBalancer[b.ARN] {
				if !o.Running {
					continue
				}
				t := nodes[nodeKey{b.ARN, o.Zone}]
				if t == nil {
					t = newTally()
				}
				report.node(o, t, s.measured.connections(o.Interface, o.Connections))
				for id, group := range report.groups {
					healthy, unhealthy := s.measured.told(o.Interface, id)
					report.hosts(group, healthy, unhealthy)
				}
			}
			report.zones()
			s.deps.Metrics.Record(region, report.data...)
			return nil
		})
	})
}

// report gathers one balancer's data.
type report struct {
	now      time.Time
	balancer string // "app/<name>/<id>"
	groups   map[string]*reported
	data     []metric.Datum
}

// reported is what a report says of a target group.
type reported struct {
	name               string             // "targetgroup/<name>/<id>"
	targets            int                // that are healthy, or all when none is
	healthy, unhealthy map[string]float64 // by the targets' zones
}

func (s *Service) reportGroups(tx *cloud.Tx, region string, b *loadBalancer, r *report) error {
	using, err := balancersUsing(tx, region)
	if err != nil {
		return err
	}
	for arn, balancers := range using {
		if !slices.Contains(balancers, b.ARN) {
			continue
		}
		g, err := findGroup(tx, region, &arn)
		if err != nil {
			return err
		}
		if r.groups[g.id()], err = s.reportGroup(tx, region, b, g); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) reportGroup(tx *cloud.Tx, region string, b *loadBalancer, g *targetGroup) (*reported, error) {
	all, err := targetsOf(tx, region, *g.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	group := &reported{name: groupSuffix(*g.TargetGroupArn), healthy: map[string]float64{}, unhealthy: map[string]float64{}}
	healthy, registered := 0, 0
	for zone := range b.zones() {
		group.healthy[zone], group.unhealthy[zone] = 0, 0
	}
	for _, t := range all {
		facts, err := s.facts(tx, region, g, t)
		if err != nil {
			return nil, err
		}
		switch describeVerdict(t, facts, true, b.zones()).State {
		case "healthy":
			healthy, registered = healthy+1, registered+1
			group.healthy[facts.zone]++
		case "unhealthy":
			registered++
			group.unhealthy[facts.zone]++
		}
	}
	if group.targets = healthy; healthy == 0 {
		group.targets = registered
	}
	return group, nil
}

// node adds what one node measured.
func (r *report) node(o balancer.Observation, t *tally, connections balancer.Connections) {
	about := dimensions{balancer: r.balancer, zone: o.Zone}
	r.count(about, "RequestCount", 0) // always reported
	for key, count := range t.counts {
		d := about
		if group := r.groups[key.group]; group != nil && perTarget(key.metric) {
			d.group = group.name
		}
		unit := "Count"
		if key.metric == "ProcessedBytes" {
			unit = "Bytes"
		}
		r.add(d, metric.Datum{Name: key.metric, Unit: unit, Values: []float64{count}})
	}
	for id, times := range t.times {
		group := r.groups[id]
		if group == nil {
			continue
		}
		d := about
		d.group = group.name
		values := slices.Sorted(maps.Keys(times))
		counts := make([]float64, len(values))
		for i, value := range values {
			counts[i] = times[value]
		}
		r.add(d, metric.Datum{Name: "TargetResponseTime", Unit: "Seconds", Values: values, Counts: counts})
	}
	for id, group := range r.groups {
		r.perTarget(group, t.counts[countKey{"RequestCount", id}])
	}
	r.count(about, "ActiveConnectionCount", float64(connections.Active+connections.ActiveTargets))
	r.count(about, "NewConnectionCount", float64(connections.New+connections.NewTargets))
	if connections.Rejected > 0 {
		r.count(about, "RejectedConnectionCount", float64(connections.Rejected))
	}
}

func (r *report) count(d dimensions, name string, value float64) {
	r.add(d, metric.Datum{Name: name, Unit: "Count", Values: []float64{value}})
}

func (r *report) add(d dimensions, m metric.Datum) {
	m.Time = r.now
	r.data = append(r.data, d.data(m)...)
}

// perTarget adds the node's part of RequestCountPerTarget: the nodes' parts add up to it.
func (r *report) perTarget(group *reported, requests float64) {
	if group.targets > 0 {
		requests /= float64(group.targets)
	}
	m := metric.Datum{Namespace: namespace, Name: "RequestCountPerTarget", Unit: "Count", Values: []float64{requests}, Time: r.now}
	alone := m
	alone.Dimensions = []metric.Dimension{{Name: "TargetGroup", Value: group.name}}
	m.Dimensions = dimensions{balancer: r.balancer, group: group.name}.list(true, false)
	r.data = append(r.data, alone, m)
}

// hosts adds how many targets the node has found healthy and unhealthy.
func (r *report) hosts(group *reported, healthy, unhealthy []float64) {
	d := dimensions{balancer: r.balancer, group: group.name}
	r.hostCount(d.list(true, false), "HealthyHostCount", healthy...)
	r.hostCount(d.list(true, false), "UnHealthyHostCount", unhealthy...)
}

func (r *report) hostCount(dimensions []metric.Dimension, name string, counts ...float64) {
	r.data = append(r.data, metric.Datum{Namespace: namespace, Name: name, Dimensions: dimensions, Unit: "Count", Values: counts, Time: r.now})
}

// zones adds how many targets of each zone are healthy and unhealthy.
func (r *report) zones() {
	for _, group := range r.groups {
		for zone, count := range group.healthy {
			r.hostCount(dimensions{r.balancer, group.name, zone}.list(true, true), "HealthyHostCount", count)
		}
		for zone, count := range group.unhealthy {
			r.hostCount(dimensions{r.balancer, group.name, zone}.list(true, true), "UnHealthyHostCount", count)
		}
	}
}
