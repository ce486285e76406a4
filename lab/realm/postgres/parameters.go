package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// adopt makes declared parameters those that the server is told at its start: all of them.
func (m *member) adopt(declared map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.effective = maps.Clone(declared)
}

// change changes what a running server is told: those that wait for a start keep the value of the last one.
func (m *member) change(declared map[string]string, deferred []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.effective = changed(m.effective, declared, deferred)
}

func changed(now, declared map[string]string, deferred []string) map[string]string {
	next := maps.Clone(declared)
	for _, name := range deferred {
		delete(next, name)
		if value, ok := now[name]; ok {
			next[name] = value
		}
	}
	return next
}

// waits tells whether a declared parameter is not in effect because it waits for the next start.
func (m *member) waits() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	declared := m.spec().Parameters
	return m.effective != nil && slices.ContainsFunc(m.spec().Deferred, func(name string) bool { return m.effective[name] != declared[name] })
}

// parameters returns what the server was last told.
func (m *member) parameters() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.effective == nil {
		return m.spec().Parameters
	}
	return m.effective
}

// limits are the settings of which a reader needs at least as much as its writer, or it stops replaying, by the words
// of pg_controldata:
// https://www.postgresql.org/docs/15/hot-standby.html#HOT-STANDBY-ADMIN
var limits = map[string]string{
	"max_connections setting":      "max_connections",
	"max_worker_processes setting": "max_worker_processes",
	"max_prepared_xacts setting":   "max_prepared_transactions",
	"max_locks_per_xact setting":   "max_locks_per_transaction",
}

// setFloors reads what a reader's data says of the writer's limits, which it must not be below.
func (c *cluster) setFloors(m *member) error {
	floors := map[string]string{}
	if m.spec().ID != c.current().Writer {
		ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
		defer cancel()
		out, err := c.manager.account.command(ctx, "pg_controldata", m.data()).Output()
		if err != nil {
			return fmt.Errorf("reading the limits of the writer: %w", err)
		}
		floors = floorsOf(string(out))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.floors = floors
	return nil
}

func floorsOf(controlData string) map[string]string {
	floors := map[string]string{}
	for line := range strings.Lines(controlData) {
		words, value, _ := strings.Cut(line, ":")
		if name, ok := limits[words]; ok {
			floors[name] = strings.TrimSpace(value)
		}
	}
	return floors
}

// raise lifts values that are below the floors; a setting that is not given is the server's own, at least as high
// unless the floor says otherwise.
func raise(values, floors map[string]string) {
	for name, floor := range floors {
		least, err := strconv.Atoi(floor)
		if err != nil {
			continue
		}
		if now, err := strconv.Atoi(values[name]); err != nil || now < least {
			values[name] = floor
		}
	}
}
