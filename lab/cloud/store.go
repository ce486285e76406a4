package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Store is the lab's durable state: one transactional key-value file. What an Update returned without an error
// survives a kill at any instant. Updates run one at a time; views run beside them on a snapshot.
type Store struct {
	db *bbolt.DB

	mu       sync.Mutex
	watchers map[*watcher]struct{}

	cache sync.Map // cacheKey -> *cached, for views only
}

type watcher struct {
	tables map[string]bool // nil: all
	wake   chan struct{}
}

// Open opens or creates the store in a file. It fails at once when another process has it open.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 200 * time.Millisecond})
	if errors.Is(err, bbolt.ErrTimeout) {
		return nil, fmt.Errorf("opening the store %s: another lab has it open; type: haven lab status", path)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", path, err)
	}
	return &Store{db: db, watchers: map[*watcher]struct{}{}}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Tx is one transaction over the store's tables.
type Tx struct {
	tx      *bbolt.Tx
	store   *Store
	changed map[string]bool // tables written
	stale   []cacheKey
	after   []func()

	attempting bool
	undo       []written // of the attempt
}

// AfterCommit has something done once an Update is durable, such as telling somebody what it changed. What is
// undone tells nothing. It runs outside of the transaction and must not block; a kill in between loses it.
func (tx *Tx) AfterCommit(do func()) { tx.after = append(tx.after, do) }

// View runs a read-only transaction. What tables return in it is shared: never change it.
func (s *Store) View(read func(tx *Tx) error) error {
	return s.db.View(func(tx *bbolt.Tx) error { return read(&Tx{tx: tx, store: s}) })
}

// Update runs a transaction that is durable, whole, when Update returns nil, and undone when it returns an error.
func (s *Store) Update(write func(tx *Tx) error) error {
	var done *Tx
	err := s.db.Update(func(tx *bbolt.Tx) error {
		done = &Tx{tx: tx, store: s, changed: map[string]bool{}}
		return write(done)
	})
	if err != nil {
		return err
	}
	for _, key := range done.stale {
		s.cache.Delete(key)
	}
	s.notify(done.changed)
	for _, do := range done.after {
		do()
	}
	return nil
}

// Watch returns a channel that gets a token after each commit that wrote one of the tables (any table when none is
// named). Tokens coalesce: a watcher reads the state, not the event. Call stop when done.
func (s *Store) Watch(tables ...string) (wake <-chan struct{}, stop func()) {
	w := &watcher{wake: make(chan struct{}, 1)}
	if len(tables) > 0 {
		w.tables = map[string]bool{}
		for _, table := range tables {
			w.tables[table] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return w.wake, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}
}

func (s *Store) notify(changed map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		if !w.wants(changed) {
			continue
		}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) wants(changed map[string]bool) bool {
	if w.tables == nil {
		return len(changed) > 0
	}
	for table := range changed {
		if w.tables[table] {
			return true
		}
	}
	return false
}

// encode and decode are the one place that knows how a row is stored.
func encode(row any) ([]byte, error)    { return json.Marshal(row) }
func decode(raw []byte, into any) error { return json.Unmarshal(raw, into) }
