package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"haven/lab/services/cloudwatch/summary"
)

// DB keeps measurements.
type DB struct {
	file *bbolt.DB
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	tracks map[string]map[string]*track // by metric and unit
	byID   map[uint32]*track
	next   uint32
	blocks map[blockKey]*block // those of late, and those that were not written yet
}

var (
	tracksBucket = []byte("tracks")
	blocksBucket = []byte("blocks")
)

// Open opens or makes the file. One that cannot be read is put aside: measurements are no reason not to start.
func Open(path string, log *slog.Logger, now func() time.Time) (*DB, error) {
	db := &DB{log: log, now: now, tracks: map[string]map[string]*track{}, byID: map[uint32]*track{}, blocks: map[blockKey]*block{}}
	file, err := openFile(path)
	if err != nil && !errors.Is(err, bbolt.ErrTimeout) {
		aside := path + ".damaged"
		log.Error("the file of measurements cannot be read; a new one begins", "file", path, "kept", aside, "error", err)
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("putting aside the measurements: %w", err)
		}
		file, err = openFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the measurements %s: %w", path, err)
	}
	db.file = file
	return db, db.load()
}

func openFile(path string) (*bbolt.DB, error) {
	file, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 200 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	err = file.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{tracksBucket, blocksBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		file.Close()
	}
	return file, err
}

// load reads which series there are.
func (db *DB) load() error {
	return db.file.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(tracksBucket).ForEach(func(_, raw []byte) error {
			t := new(track)
			if err := json.Unmarshal(raw, t); err != nil {
				return fmt.Errorf("reading a series: %w", err)
			}
			t.saved = t.Last
			db.know(t)
			return nil
		})
	})
}

func (db *DB) know(t *track) {
	key := t.Metric.Key()
	if db.tracks[key] == nil {
		db.tracks[key] = map[string]*track{}
	}
	db.tracks[key][t.Unit] = t
	db.byID[t.ID] = t
	db.next = max(db.next, t.ID+1)
}

// Close writes what is not written yet and closes the file.
func (db *DB) Close() error { return errors.Join(db.Flush(), db.file.Close()) }

// Add adds a measurement; fine says that it is to be kept by the second, too. It fails when there are too many series.
func (db *DB) Add(m Metric, unit string, at time.Time, s summary.Summary, fine bool) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	key := m.Key()
	t := db.tracks[key][unit]
	if t == nil {
		if len(db.byID) >= maxTracks {
			return ErrFull
		}
		t = &track{ID: db.next, Metric: m, Unit: unit, First: at.Unix(), Last: at.Unix()}
		db.know(t)
	}
	second := at.Unix()
	t.First, t.Last = min(t.First, floor(second, 60)), max(t.Last, second)
	if fine && at.After(db.now().Add(-tiers[seconds].keep)) {
		if err := db.merge(seconds, t.ID, second, s); err != nil {
			return err
		}
	}
	return db.merge(minutes, t.ID, second, s)
}

// merge adds a summary to its bucket.
func (db *DB) merge(tier int, id uint32, second int64, s summary.Summary) error {
	start := floor(second, tiers[tier].block)
	key := blockKey{tier, start, id}
	b := db.blocks[key]
	if b == nil {
		var err error
		if b, err = db.read(key); err != nil {
			return err
		}
		if b == nil {
			b = newBlock()
		}
		db.blocks[key] = b
	}
	b.merge(uint16((second-start)/tiers[tier].width), s)
	return nil
}

// read reads a block from the file; nil: there is none.
func (db *DB) read(key blockKey) (b *block, err error) {
	err = db.file.View(func(tx *bbolt.Tx) error {
		b, err = readFrom(tx, key)
		return err
	})
	return b, err
}

func readFrom(tx *bbolt.Tx, key blockKey) (*block, error) {
	raw := tx.Bucket(blocksBucket).Get(key.bytes())
	if raw == nil {
		return nil, nil
	}
	return decode(raw)
}
