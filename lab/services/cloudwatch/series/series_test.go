package series

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/lab/services/cloudwatch/summary"
)

var metricOne = Metric{Region: "us-east-1", Namespace: "N", Name: "M"}

// TestMeasurementsRollUp: minutes become five minutes, then hours, then nothing; their sums stay.
func TestMeasurementsRollUp(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := begin
	path := filepath.Join(t.TempDir(), "metrics.db")
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	db, err := Open(path, log, func() time.Time { return now })
	require.NoError(t, err)
	for i := range 120 {
		require.NoError(t, db.Add(metricOne, "Count", begin.Add(time.Duration(i)*time.Minute), summary.Of([]float64{1, 2}, nil), true))
	}
	count := func(period time.Duration) int {
		cells, err := db.Read(metricOne, "", begin, begin.Add(2*time.Hour), period)
		require.NoError(t, err)
		total := 0.0
		for _, cell := range cells {
			total += cell.Summary.Sum
		}
		if period >= time.Minute && len(cells) > 0 {
			assert.Equal(t, 360.0, total)
		}
		return len(cells)
	}
	assert.Equal(t, 120, count(time.Minute))
	assert.Equal(t, 120, count(time.Second))
	for _, step := range []struct {
		age                    time.Duration
		second, minute, longer int
	}{{4 * time.Hour, 60, 120, 24}, {16 * day, 0, 24, 24}, {64 * day, 0, 2, 2}, {456*day + time.Hour, 0, 0, 0}} {
		now = begin.Add(step.age)
		require.NoError(t, db.Expire())
		require.NoError(t, db.Close())
		db, err = Open(path, log, func() time.Time { return now })
		require.NoError(t, err)
		assert.LessOrEqual(t, count(time.Second), step.second, step.age)
		assert.Equal(t, step.minute, count(time.Minute), step.age)
		assert.Equal(t, step.longer, count(5*time.Minute), step.age)
	}
	require.Empty(t, db.blocks)
	now = begin.Add(500 * day)
	require.NoError(t, db.Expire())
	assert.Empty(t, db.List("us-east-1"), "a metric without measurements is forgotten")
	require.NoError(t, db.Close())
}

func TestBlocksAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBlock()
		for range rapid.IntRange(0, 15).Draw(t, "buckets") {
			values := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 200).Draw(t, "values")
			b.merge(uint16(rapid.IntRange(0, 59).Draw(t, "index")), summary.Of(values, nil))
		}
		again, err := decode(b.encode())
		if err != nil {
			t.Fatal(err)
		}
		assert.Equal(t, b.buckets, again.buckets)
	})
	_, err := decode([]byte{1, 0, 3})
	require.ErrorIs(t, err, errBlock)
}
