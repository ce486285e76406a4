// Package secret keeps the database's credentials fresh: read once, handed out from memory, and read again when the
// database refuses them, as it does after a rotation.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Credentials let a client into the database.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// String keeps the password out of logs and error messages.
func (c Credentials) String() string { return c.Username + ":***" }

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// Source fetches the secret's JSON text from where it is kept.
type Source func(ctx context.Context) (string, error)

// Keeper hands out credentials. It is safe for concurrent use.
type Keeper struct {
	source Source
	pause  time.Duration

	mu      sync.Mutex
	known   *Credentials
	stale   bool
	fetched time.Time

	telling sync.Mutex
	problem error // of the last fetch
}

// minimumPause is the least time between two fetches after a refusal, so that a wrong password is no flood of calls.
const minimumPause = 2 * time.Second

// NewKeeper returns a keeper of what source has.
func NewKeeper(source Source) *Keeper { return &Keeper{source: source, pause: minimumPause} }

// Credentials returns the credentials, fetched when none are known or the known ones were refused.
func (k *Keeper) Credentials(ctx context.Context) (Credentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known != nil && (!k.stale || time.Since(k.fetched) < k.pause) {
		return *k.known, nil
	}
	fresh, err := k.fetch(ctx)
	k.setProblem(err)
	if err != nil {
		return Credentials{}, err
	}
	k.known, k.stale, k.fetched = &fresh, false, time.Now()
	return fresh, nil
}

func (k *Keeper) fetch(ctx context.Context) (Credentials, error) {
	text, err := k.source(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("fetching the database's secret: %w", err)
	}
	fresh, err := parse(text)
	if err != nil {
		return Credentials{}, fmt.Errorf("reading the database's secret: %w", err)
	}
	return fresh, nil
}

// Problem is why the last fetch failed, or nil. It does not wait for one that is under way.
func (k *Keeper) Problem() error {
	k.telling.Lock()
	defer k.telling.Unlock()
	return k.problem
}

func (k *Keeper) setProblem(err error) {
	k.telling.Lock()
	defer k.telling.Unlock()
	k.problem = err
}

// Refused tells that the database did not accept the credentials: the next use fetches them again.
func (k *Keeper) Refused() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stale = true
}

// parse never quotes the text in its errors: it is secret.
func parse(text string) (Credentials, error) {
	var c Credentials
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, errors.New(`it must be JSON like {"username": "…", "password": "…"}`)
	}
	if c.Username == "" || c.Password == "" {
		return Credentials{}, errors.New("it must have a username and a password")
	}
	return c, nil
}

// File reads the secret from a file, for development.
func File(path string) Source {
	return func(context.Context) (string, error) {
		text, err := os.ReadFile(path)
		return string(text), err
	}
}
