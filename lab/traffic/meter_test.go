package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const begin = 1_800_000_000

func at(second int) time.Time { return time.Unix(begin+int64(second), 0) }

func meterAt(second int) *Meter { return &Meter{now: func() time.Time { return at(second) }} }

func TestNowIsTheAverageOfFinishedSeconds(t *testing.T) {
	m := meterAt(100)
	for i := range 10 {
		m.Add(Request{At: at(90 + i), Node: "a", Target: "10.0.0.1:80", Status: 200, Seconds: 0.010, Bytes: 100})
		m.Add(Request{At: at(90 + i), Node: "b", Target: "10.0.0.1:80", Status: 503, Seconds: 0.100})
		m.Add(Request{At: at(90 + i), Node: "b", Status: 404, Seconds: 0.010})
	}
	m.Add(Request{At: at(100), Node: "a", Status: 200}) // this second goes on
	m.Add(Request{At: at(89), Node: "a", Status: 200})  // too long ago

	one := m.Now("a")
	assert.Equal(t, 1.0, one.Requests)
	assert.Equal(t, 100.0, one.Bytes)
	assert.Zero(t, one.Errors)
	both := m.Now("a", "b", "unknown")
	assert.Equal(t, 3.0, both.Requests)
	assert.Equal(t, 1.0, both.Errors)
	assert.Equal(t, 1.0, both.Refused)
	assert.InEpsilon(t, 0.010, both.P50, 0.13)
	assert.InEpsilon(t, 0.100, both.P99, 0.13)
	requests, errors := m.Target("10.0.0.1:80")
	assert.Equal(t, []float64{2, 1}, []float64{requests, errors})
	assert.Equal(t, Sample{}, m.Now())
}

func TestHistoryHasEverySecondThatIsHeld(t *testing.T) {
	m := meterAt(1000)
	m.Add(Request{At: at(700), Node: "a", Status: 200}) // its slot is taken by second 1000
	m.Add(Request{At: at(998), Node: "a", Status: 500})
	m.Add(Request{At: at(1000), Node: "a", Status: 200})
	all := m.History(0, "a")
	assert.Len(t, all, int(seconds)-1)
	assert.Equal(t, int64(begin+999), all[len(all)-1].Second)
	assert.Equal(t, 1.0, all[len(all)-2].Errors)
	assert.Zero(t, all[0].Requests)
	assert.Len(t, m.History(begin+998, "a"), 1)
	assert.Empty(t, m.History(begin+999, "a"))
}

// A percentile is never further off than a bucket is wide.
func TestPercentilesAgreeWithTheRequests(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var h histogram
		var all []float64
		for range 1 + random.IntN(500) {
			latency := math.Exp(random.NormFloat64()*1.5 - 4)
			all = append(all, latency)
			h[bucketOf(latency)]++
		}
		slices.Sort(all)
		for _, p := range []float64{0.5, 0.9, 0.99} {
			exact := all[max(int(math.Ceil(p*float64(len(all)))), 1)-1]
			got := h.percentile(p)
			if exact < firstBucket {
				assert.LessOrEqual(t, got, firstBucket)
				continue
			}
			assert.InEpsilon(t, exact, got, 0.13)
		}
	}
}

func TestOddLatenciesAreCounted(t *testing.T) {
	for _, odd := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 0, 1e9} {
		bucket := bucketOf(odd)
		assert.True(t, bucket >= 0 && bucket < buckets, odd)
	}
}

func TestWhatIsCountedIsBounded(t *testing.T) {
	m := meterAt(5000)
	for i := range 5000 {
		m.Add(Request{At: at(i), Node: fmt.Sprint("node ", i), Target: fmt.Sprint("target ", i)})
	}
	assert.LessOrEqual(t, len(m.nodes), mostNodes)
	assert.LessOrEqual(t, len(m.targets), mostTarget)
	for i := range 5000 {
		m.Add(Request{At: at(5000), Node: fmt.Sprint("again ", i), Target: fmt.Sprint("again ", i)})
	}
	assert.LessOrEqual(t, len(m.nodes), mostNodes)
	assert.LessOrEqual(t, len(m.targets), mostTarget)
}

func TestCountingAtTheSameTime(t *testing.T) {
	m := meterAt(100)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for range 1000 {
				m.Add(Request{At: at(99), Node: fmt.Sprint(worker % 2), Status: 200})
				m.Now("0", "1")
			}
		})
	}
	group.Wait()
	assert.Equal(t, 800.0, m.Now("0", "1").Requests)
}

func BenchmarkAdd(b *testing.B) {
	m := &Meter{}
	r := Request{At: time.Now(), Node: "eni-1", Target: "10.0.0.1:80", Status: 200, Seconds: 0.004}
	for b.Loop() {
		m.Add(r)
	}
}
