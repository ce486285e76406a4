package cloud

import (
	"bytes"
	"fmt"
)

// Table is a set of rows of one type, each under a region and an id. Declare it once as a package variable of the
// service that owns it: other services ask the owner, they never open its tables.
type Table[Row any] struct{ name string }

// Global is the region of what belongs to no region, such as IAM roles and hosted zones.
const Global = "global"

// NewTable names a table: "<service>.<rows>", such as "ec2.vpcs".
func NewTable[Row any](name string) Table[Row] {
	table := Table[Row]{name: name}
	inventoryMu.Lock()
	defer inventoryMu.Unlock()
	inventory[name] = table.count
	return table
}

// Name returns the table's name, for Store.Watch.
func (t Table[Row]) Name() string { return t.name }

type cacheKey struct{ table, key string }

type cached struct {
	raw []byte // what the row was decoded from
	row any
}

func rowKey(region, id string) []byte { return []byte(region + "\x00" + id) }

// Get returns the row, or nil when there is none. In a view the row is shared and must not be changed; in an
// update it is the caller's own copy.
func (t Table[Row]) Get(tx *Tx, region, id string) (*Row, error) {
	bucket := tx.tx.Bucket([]byte(t.name))
	if bucket == nil {
		return nil, nil
	}
	key := rowKey(region, id)
	raw := bucket.Get(key)
	if raw == nil {
		return nil, nil
	}
	return t.decode(tx, key, raw)
}

// List returns the region's rows in the order of their ids.
func (t Table[Row]) List(tx *Tx, region string) ([]*Row, error) {
	return t.scan(tx, []byte(region+"\x00"))
}

// ListAll returns the rows of every region, in the order of region and id.
func (t Table[Row]) ListAll(tx *Tx) ([]*Row, error) { return t.scan(tx, nil) }

func (t Table[Row]) scan(tx *Tx, prefix []byte) ([]*Row, error) {
	bucket := tx.tx.Bucket([]byte(t.name))
	if bucket == nil {
		return nil, nil
	}
	var rows []*Row
	cursor := bucket.Cursor()
	for key, raw := cursor.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, raw = cursor.Next() {
		row, err := t.decode(tx, key, raw)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Put writes the row under its id, replacing what is there.
func (t Table[Row]) Put(tx *Tx, region, id string, row *Row) error {
	bucket, err := tx.tx.CreateBucketIfNotExists([]byte(t.name))
	if err != nil {
		return fmt.Errorf("writing %s %s: %w", t.name, id, err)
	}
	raw, err := encode(row)
	if err != nil {
		return fmt.Errorf("encoding %s %s: %w", t.name, id, err)
	}
	key := rowKey(region, id)
	if bytes.Equal(bucket.Get(key), raw) {
		return nil // nothing changed: nobody is woken
	}
	t.touch(tx, key)
	return bucket.Put(key, raw)
}

// Delete removes the row; a missing one is no error.
func (t Table[Row]) Delete(tx *Tx, region, id string) error {
	bucket := tx.tx.Bucket([]byte(t.name))
	if bucket == nil || bucket.Get(rowKey(region, id)) == nil {
		return nil
	}
	t.touch(tx, rowKey(region, id))
	return bucket.Delete(rowKey(region, id))
}

func (t Table[Row]) touch(tx *Tx, key []byte) {
	tx.remember(t.name, key)
	tx.changed[t.name] = true
	tx.stale = append(tx.stale, cacheKey{t.name, string(key)})
}

func (t Table[Row]) decode(tx *Tx, key, raw []byte) (*Row, error) {
	if tx.tx.Writable() {
		return t.decodeFresh(key, raw)
	}
	id := cacheKey{t.name, string(key)}
	if hit, ok := tx.store.cache.Load(id); ok && bytes.Equal(hit.(*cached).raw, raw) {
		return hit.(*cached).row.(*Row), nil
	}
	row, err := t.decodeFresh(key, raw)
	if err != nil {
		return nil, err
	}
	tx.store.cache.Store(id, &cached{raw: bytes.Clone(raw), row: row})
	return row, nil
}

func (t Table[Row]) decodeFresh(key, raw []byte) (*Row, error) {
	row := new(Row)
	if err := decode(raw, row); err != nil {
		return nil, fmt.Errorf("reading %s %q: %w", t.name, bytes.ReplaceAll(key, []byte{0}, []byte("/")), err)
	}
	return row, nil
}

// ListPrefix returns the region's rows whose ids begin with prefix, in the order of their ids.
func (t Table[Row]) ListPrefix(tx *Tx, region, prefix string) ([]*Row, error) {
	return t.scan(tx, rowKey(region, prefix))
}

// IDs returns the ids of the region's rows that begin with prefix, in their order, without reading the rows.
func (t Table[Row]) IDs(tx *Tx, region, prefix string) ([]string, error) {
	bucket := tx.tx.Bucket([]byte(t.name))
	if bucket == nil {
		return nil, nil
	}
	var ids []string
	begin := rowKey(region, prefix)
	cursor := bucket.Cursor()
	for key, _ := cursor.Seek(begin); key != nil && bytes.HasPrefix(key, begin); key, _ = cursor.Next() {
		ids = append(ids, string(key[len(region)+1:]))
	}
	return ids, nil
}
