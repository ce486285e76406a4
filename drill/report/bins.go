package report

import (
	"time"

	"haven/drill/check"
	"haven/drill/history"
)

// mostBins is how many bins a plot has at most: what a phone can tell apart.
const mostBins = 120

// widths are how long a bin may last.
var widths = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}

// Bin is what became of the requests that began in a while.
type Bin struct {
	From                time.Duration
	OK, Failed, Unknown int
	Median, Slow        time.Duration // the 50th and the 99th percentile of how long those took that ended ok; 0 without any
}

// Asked is how many requests began.
func (b Bin) Asked() int { return b.OK + b.Failed + b.Unknown }

// Bins divides a history from its beginning to its last request, into at most mostBins of equal width. Without requests there are none.
func Bins(h history.History) (bins []Bin, width time.Duration) {
	end := time.Duration(-1)
	for _, o := range h.Operations {
		end = max(end, o.Start)
	}
	if end < 0 {
		return nil, 0
	}
	width = widthFor(end)
	bins = make([]Bin, end/width+1)
	took := make([][]time.Duration, len(bins))
	for _, o := range h.Operations {
		at := max(o.Start, 0) / width
		bins[at].count(o.Outcome)
		if o.Outcome == history.OK {
			took[at] = append(took[at], o.End-o.Start)
		}
	}
	for i := range bins {
		bins[i].From = time.Duration(i) * width
		bins[i].Median, bins[i].Slow = check.Rank(took[i], 50), check.Rank(took[i], 99)
	}
	return bins, width
}

func widthFor(length time.Duration) time.Duration {
	for _, width := range widths {
		if length/width < mostBins {
			return width
		}
	}
	return length/mostBins + 1
}

func (b *Bin) count(outcome history.Outcome) {
	switch outcome {
	case history.OK:
		b.OK++
	case history.Unknown:
		b.Unknown++
	default:
		b.Failed++
	}
}
