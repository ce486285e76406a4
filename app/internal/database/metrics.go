package database

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Retries counts statements that were tried again.
var Retries = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "haven_database_retries_total", Help: "Statements tried again after a transient error.",
})

// Collectors returns what the pools and retries have to tell.
func (c *Cluster) Collectors() []prometheus.Collector {
	all := []prometheus.Collector{Retries}
	for name, pool := range c.Pools() {
		all = append(all, gauge(name, "total", pool.Stat, (*pgxpool.Stat).TotalConns), gauge(name, "busy", pool.Stat, (*pgxpool.Stat).AcquiredConns))
	}
	return all
}

func gauge(pool, state string, stat func() *pgxpool.Stat, read func(*pgxpool.Stat) int32) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "haven_database_connections", Help: "Connections of a pool.",
		ConstLabels: prometheus.Labels{"pool": pool, "state": state},
	}, func() float64 { return float64(read(stat())) })
}
