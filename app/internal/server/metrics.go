package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	busy     prometheus.Gauge
	appends  prometheus.Counter
}

func newMetrics(registry *prometheus.Registry, o Options) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "haven_requests_total", Help: "Requests answered."}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "haven_request_seconds", Help: "Time to answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}}, []string{"route"}),
		busy:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "haven_requests_in_flight", Help: "Requests being answered."}),
		appends: prometheus.NewCounter(prometheus.CounterOpts{Name: "haven_ledger_appends_total", Help: "Entries acknowledged."}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "haven_info", Help: "What this server is.",
		ConstLabels: prometheus.Labels{"instance_id": o.Identity.Instance, "zone": o.Identity.Zone, "version": o.Identity.Version},
	}, func() float64 { return 1 })
	draining := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "haven_draining", Help: "1 while the server is going away."}, func() float64 {
		if o.Judge.Draining() {
			return 1
		}
		return 0
	})
	registry.MustRegister(m.requests, m.seconds, m.busy, m.appends, build, draining)
	return m
}

func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
