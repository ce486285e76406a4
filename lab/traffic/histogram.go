package traffic

import "math"

// Latencies are counted in buckets that grow by a quarter each: a percentile is at most an eighth off. The first holds
// all below a millisecond, the last all above two minutes.
const (
	buckets     = 54
	firstBucket = 0.001 // seconds
	growth      = 1.25
)

type histogram [buckets]uint32

func bucketOf(seconds float64) int {
	if !(seconds > firstBucket) { // also what is no number
		return 0
	}
	return 1 + int(min(math.Log(seconds/firstBucket)/math.Log(growth), buckets-2))
}

// middle is the latency that stands for a bucket, in seconds.
func middle(bucket int) float64 {
	if bucket == 0 {
		return firstBucket / 2
	}
	return firstBucket * math.Pow(growth, float64(bucket)-0.5)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// percentile returns the latency that a share p (0 to 1) of the requests did not exceed, in seconds; 0 without any.
func (h *histogram) percentile(p float64) float64 {
	total := uint64(0)
	for _, n := range h {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(p * float64(total)))
	seen := uint64(0)
	for i, n := range h {
		if seen += uint64(n); seen >= max(rank, 1) {
			return middle(i)
		}
	}
	return middle(buckets - 1)
}
