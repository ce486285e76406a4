package series

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

const (
	// hot is how long a block stays in memory behind its end, in seconds.
	hot = 2 * 3600
	// staleLast is how far the file's idea of a series' newest measurement may lag, in seconds.
	staleLast = 600
)

// bytes returns a block's key in the file: blocks of one tier and time are neighbours.
func (k blockKey) bytes() []byte {
	out := []byte{byte(k.tier)}
	out = binary.BigEndian.AppendUint64(out, uint64(k.start))
	return binary.BigEndian.AppendUint32(out, k.track)
}

func parseKey(raw []byte) blockKey {
	return blockKey{int(raw[0]), int64(binary.BigEndian.Uint64(raw[1:9])), binary.BigEndian.Uint32(raw[9:])}
}

// pending is what a flush writes.
type pending struct {
	blocks map[blockKey][]byte
	tracks map[uint32][]byte
}

// Flush writes what is not in the file yet, and lets go of blocks that are not of late.
func (db *DB) Flush() error {
	p, err := db.collectPending()
	if err != nil {
		return err
	}
	if len(p.blocks)+len(p.tracks) > 0 {
		if err := db.file.Update(p.write); err != nil {
			db.again(p)
			return fmt.Errorf("writing measurements: %w", err)
		}
	}
	db.evict()
	return nil
}

func (db *DB) collectPending() (pending, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	p := pending{map[blockKey][]byte{}, map[uint32][]byte{}}
	for key, b := range db.blocks {
		if b.dirty {
			p.blocks[key] = b.encode()
			b.dirty = false
		}
	}
	for id, t := range db.byID {
		if t.saved != 0 && t.Last < t.saved+staleLast {
			continue
		}
		raw, err := json.Marshal(t)
		if err != nil {
			return p, fmt.Errorf("encoding a series: %w", err)
		}
		p.tracks[id], t.saved = raw, t.Last
	}
	return p, nil
}

func (p pending) write(tx *bbolt.Tx) error {
	for id, raw := range p.tracks {
		if err := tx.Bucket(tracksBucket).Put(binary.BigEndian.AppendUint32(nil, id), raw); err != nil {
			return err
		}
	}
	for key, raw := range p.blocks {
		if err := tx.Bucket(blocksBucket).Put(key.bytes(), raw); err != nil {
			return err
		}
	}
	return nil
}

// again marks what could not be written.
func (db *DB) again(p pending) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for key := range p.blocks {
		if b := db.blocks[key]; b != nil {
			b.dirty = true
		}
	}
	for id := range p.tracks {
		if t := db.byID[id]; t != nil {
			t.saved = 0
		}
	}
}

func (db *DB) evict() {
	db.mu.Lock()
	defer db.mu.Unlock()
	now := db.now().Unix()
	for key, b := range db.blocks {
		if !b.dirty && key.end() < now-hot {
			delete(db.blocks, key)
		}
	}
}
