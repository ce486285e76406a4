package cloud

import (
	"bytes"
	"errors"
	"fmt"
)

// written is what a row was before an attempt wrote it.
type written struct {
	table       string
	key, before []byte // before is nil: there was no row
}

// Attempt does a part of an update that happens whole or not at all: when do returns an error, what it wrote is undone
// and what it has to tell is not told, and the update can go on without it. Attempts can lie within each other.
func (tx *Tx) Attempt(do func() error) error {
	outer, attempting, told := tx.undo, tx.attempting, len(tx.after)
	tx.undo, tx.attempting = nil, true
	err := do()
	own := tx.undo
	tx.undo, tx.attempting = outer, attempting
	if err == nil {
		if attempting {
			tx.undo = append(tx.undo, own...)
		}
		return nil
	}
	tx.after = tx.after[:told]
	if broken := tx.restore(own); broken != nil {
		return errors.Join(err, broken)
	}
	return err
}

// remember keeps what a row is, before it is written in an attempt.
func (tx *Tx) remember(table string, key []byte) {
	if !tx.attempting {
		return
	}
	one := written{table: table, key: bytes.Clone(key)}
	if bucket := tx.tx.Bucket([]byte(table)); bucket != nil {
		one.before = bytes.Clone(bucket.Get(key))
	}
	tx.undo = append(tx.undo, one)
}

// restore undoes writes, the last one first.
func (tx *Tx) restore(all []written) error {
	var errs []error
	for i := len(all) - 1; i >= 0; i-- {
		one := all[i]
		bucket := tx.tx.Bucket([]byte(one.table))
		switch {
		case bucket == nil: // its first row was never put
		case one.before == nil:
			errs = append(errs, bucket.Delete(one.key))
		default:
			errs = append(errs, bucket.Put(one.key, one.before))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("undoing what was written: %w", err)
	}
	return nil
}
