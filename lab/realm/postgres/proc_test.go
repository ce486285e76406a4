package postgres

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProcessorTimeIsRead(t *testing.T) {
	stat := "17 (postgres: a) b) S 1 17 17 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0 5 6 7"
	require.Equal(t, int64(30), ticksOf(stat, false))
	require.Equal(t, int64(4330), ticksOf(stat, true))
	require.Zero(t, ticksOf("nonsense", true))
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; { // be busy
	}
	require.Positive(t, processorTime([]int{os.Getpid()}, 0))
	require.Greater(t, proportionalMemory([]int{os.Getpid()}), int64(1<<20))
}

func TestTrafficLeavesLoopbackOut(t *testing.T) {
	received, sent := trafficOf("Inter-|   Receive\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n")
	require.Equal(t, int64(100), received)
	require.Equal(t, int64(7), sent)
}
