package series

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"haven/lab/services/cloudwatch/summary"
)

// expireBatch is how many blocks one transaction moves on: readers wait for it.
const expireBatch = 500

// Expire moves on what a tier has kept long enough: minutes become five minutes, those become hours, and hours and
// seconds are forgotten; so are series that have nothing left.
func (db *DB) Expire() error {
	if err := db.Flush(); err != nil {
		return err
	}
	for index := range tiers {
		for {
			moved, err := db.expireSome(index)
			if err != nil {
				return fmt.Errorf("rolling up measurements: %w", err)
			}
			if moved < expireBatch {
				break
			}
		}
	}
	return db.forget()
}

// expireSome moves on some blocks of a tier.
func (db *DB) expireSome(index int) (moved int, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	before := db.now().Add(-tiers[index].keep).Unix()
	err = db.file.Update(func(tx *bbolt.Tx) error {
		old, err := oldBlocks(tx, index, before)
		if err != nil {
			return err
		}
		moved = len(old)
		targets := map[blockKey]*block{}
		for key, b := range old {
			if b2 := db.blocks[key]; b2 != nil { // a measurement that came very late
				b = b2
				delete(db.blocks, key)
			}
			if index == minutes || index == minutes+1 {
				if err := b.rollInto(tx, key, targets); err != nil {
					return err
				}
			}
			if err := tx.Bucket(blocksBucket).Delete(key.bytes()); err != nil {
				return err
			}
		}
		for key, b := range targets {
			if err := tx.Bucket(blocksBucket).Put(key.bytes(), b.encode()); err != nil {
				return err
			}
		}
		return nil
	})
	return moved, err
}

func oldBlocks(tx *bbolt.Tx, index int, before int64) (map[blockKey]*block, error) {
	old := map[blockKey]*block{}
	cursor := tx.Bucket(blocksBucket).Cursor()
	prefix := []byte{byte(index)}
	for raw, value := cursor.Seek(prefix); raw != nil && bytes.HasPrefix(raw, prefix) && len(old) < expireBatch; raw, value = cursor.Next() {
		key := parseKey(raw)
		if key.end() > before {
			break
		}
		b, err := decode(value)
		if err != nil {
			return nil, err
		}
		old[key] = b
	}
	return old, nil
}

// rollInto adds a block's buckets to those of the next tier.
func (b *block) rollInto(tx *bbolt.Tx, key blockKey, targets map[blockKey]*block) error {
	next := tiers[key.tier+1]
	for index, s := range b.buckets {
		at := key.start + int64(index)*tiers[key.tier].width
		start := floor(at, next.block)
		to := blockKey{key.tier + 1, start, key.track}
		if targets[to] == nil {
			kept, err := readFrom(tx, to)
			if err != nil {
				return err
			}
			if kept == nil {
				kept = newBlock()
			}
			targets[to] = kept
		}
		var copied summary.Summary
		copied.Merge(*s)
		targets[to].merge(uint16((at-start)/next.width), copied)
	}
	return nil
}

// forget removes series whose newest measurement is gone.
func (db *DB) forget() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	oldest := db.now().Add(-tiers[len(tiers)-1].keep - 2*day).Unix()
	var gone []*track
	for _, t := range db.byID {
		if t.Last < oldest {
			gone = append(gone, t)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := db.file.Update(func(tx *bbolt.Tx) error {
		for _, t := range gone {
			if err := tx.Bucket(tracksBucket).Delete(binary.BigEndian.AppendUint32(nil, t.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forgetting series: %w", err)
	}
	for _, t := range gone {
		delete(db.byID, t.ID)
		delete(db.tracks[t.Metric.Key()], t.Unit)
		if len(db.tracks[t.Metric.Key()]) == 0 {
			delete(db.tracks, t.Metric.Key())
		}
	}
	return nil
}

// ExpireEvery is how often Expire is worth its while.
const ExpireEvery = 10 * time.Minute
