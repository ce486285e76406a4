package series

import (
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"haven/lab/services/cloudwatch/summary"
)

// Cell is a period's measurements in one unit.
type Cell struct {
	Start   time.Time
	Unit    string
	Summary summary.Summary
}

// Read returns the periods in [from, to) that have measurements, in the order of time, then unit; unit "" is any. A
// period begins at from and at each multiple of its length behind it. Periods under a minute see what was kept by the
// second.
func (db *DB) Read(m Metric, unit string, from, to time.Time, period time.Duration) ([]Cell, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	cells := map[cellKey]*summary.Summary{}
	span := window{from.Unix(), to.Unix(), max(int64(period/time.Second), 1)}
	err := db.file.View(func(tx *bbolt.Tx) error {
		for _, t := range db.tracks[m.Key()] {
			if unit != "" && t.Unit != unit {
				continue
			}
			if err := db.collect(tx, t, span, cells); err != nil {
				return err
			}
		}
		return nil
	})
	keys := slices.SortedFunc(maps.Keys(cells), func(a, b cellKey) int {
		if a.start != b.start {
			return int(min(max(a.start-b.start, -1), 1))
		}
		return int(a.track) - int(b.track)
	})
	var read []Cell
	for _, key := range keys {
		read = append(read, Cell{time.Unix(key.start, 0).UTC(), db.byID[key.track].Unit, *cells[key]})
	}
	return read, err
}

type cellKey struct {
	start int64
	track uint32
}

type window struct{ from, to, period int64 }

func (w window) tiers() []int {
	if w.period < 60 {
		return []int{seconds}
	}
	return []int{1, 2, 3}
}

// collect adds a series' buckets to their cells.
func (db *DB) collect(tx *bbolt.Tx, t *track, w window, cells map[cellKey]*summary.Summary) error {
	now := db.now().Unix()
	for _, index := range w.tiers() {
		tier := tiers[index]
		oldest := max(w.from, t.First-tier.width, now-int64(tier.keep/time.Second)-2*tier.block)
		for start := floor(oldest, tier.block); start < min(w.to, t.Last+1); start += tier.block {
			key := blockKey{index, start, t.ID}
			b, err := db.blocks[key], error(nil)
			if b == nil {
				b, err = readFrom(tx, key)
			}
			if err != nil {
				return err
			}
			if b != nil {
				b.into(w, start, tier.width, t.ID, cells)
			}
		}
	}
	return nil
}

// into adds a block's buckets to the cells of a window.
func (b *block) into(w window, start, width int64, id uint32, cells map[cellKey]*summary.Summary) {
	for index, s := range b.buckets {
		at := start + int64(index)*width
		if at < w.from || at >= w.to {
			continue
		}
		key := cellKey{w.from + floor(at-w.from, w.period), id}
		if cells[key] == nil {
			cells[key] = &summary.Summary{}
		}
		cells[key].Merge(*s)
	}
}

// Known is a metric that has measurements.
type Known struct {
	Metric Metric
	Last   time.Time // of the newest measurement
}

// List returns a region's metrics in the order of their keys.
func (db *DB) List(region string) []Known {
	db.mu.Lock()
	defer db.mu.Unlock()
	var all []Known
	for _, key := range slices.Sorted(maps.Keys(db.tracks)) {
		var newest *track
		for _, t := range db.tracks[key] {
			if newest == nil || t.Last > newest.Last {
				newest = t
			}
		}
		if newest.Metric.Region == region {
			all = append(all, Known{newest.Metric, time.Unix(newest.Last, 0).UTC()})
		}
	}
	return all
}
