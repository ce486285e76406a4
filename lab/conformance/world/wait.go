package world

import (
	"testing"
	"time"
)

// Wait tries until it succeeds, and fails the test with the last error when the limit has passed. Limits are generous:
// they end a test that hangs and measure nothing.
func Wait(t testing.TB, what string, limit time.Duration, try func() error) {
	t.Helper()
	begun := time.Now()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Since(begun) > limit {
			t.Fatalf("waiting %s for %s: %v", limit, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Never tries again and again and fails the test when it succeeds before the time is over.
func Never(t testing.TB, what string, during time.Duration, try func() bool) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < during; time.Sleep(50 * time.Millisecond) {
		if try() {
			t.Fatalf("%s: it happened after %s", what, time.Since(begun).Round(time.Millisecond))
		}
	}
}
