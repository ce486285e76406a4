package machine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCredits(t *testing.T) {
	begun := time.Now()
	c := &credits{cpus: 2, baseline: 0.05, at: begun} // a t3.nano: six credits an hour
	assert.InDelta(t, 0.1, c.look(begun, 0, false), 1e-9, "it begins without credits")
	assert.InDelta(t, 0.1, c.look(begun.Add(5*time.Second), 0, true), 1e-9, "a little is not enough to burst with")
	assert.InDelta(t, 2, c.look(begun.Add(time.Hour), 0, true), 1e-9)
	assert.InDelta(t, 6, c.left.Minutes(), 1e-6)
	assert.InDelta(t, 2, c.look(begun.Add(time.Hour), 5*time.Minute, false), 1e-9)
	assert.InDelta(t, 0.1, c.look(begun.Add(time.Hour), 7*time.Minute, false), 1e-9, "they are spent")
	c.look(begun.Add(1000*time.Hour), 7*time.Minute, true)
	assert.InDelta(t, 144, c.left.Minutes(), 1e-6, "a day's are the most")
}
