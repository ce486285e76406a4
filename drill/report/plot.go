package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"haven/drill/history"
)

// A plot's own coordinates. It is stretched to whatever room there is, so all text stands beside it, placed in percent.
const (
	plotWidth  = 1000.0
	plotHeight = 100.0
)

// Plot is what a drill's client saw, ready to be drawn.
type Plot struct {
	Seconds float64 // that the width stands for
	Every   time.Duration
	Bands   []Band // one for each injection
	Bars    []Bar  // what became of the requests
	Most    int    // requests in a bin that the height of the bars stands for
	Median  string // paths of latency
	Slow    string
	Decades []Tick // of latency, on the left
	Times   []Tick // of time, below
	Marks   []Mark
	Open    bool // the timeline is to be seen at once
}

// Band is the time from an injection until full strength, in percent of the width.
type Band struct {
	From, Width float64
	Title       string
}

// Bar is a bin's stack of outcomes, from the bottom up, in the plot's coordinates.
type Bar struct {
	X, Width                     float64
	OK, Unknown, Failed          float64 // heights
	OKTop, UnknownTop, FailedTop float64
	Title                        string
}

// Tick is a label at a place, in percent from the left or the top.
type Tick struct {
	At    float64
	Text  string
	Major bool // kept where there is little room
}

// Mark is one line of the timeline.
type Mark struct {
	Seconds float64
	At      float64 // percent of the width
	Name    string
	Text    string
}

// NewPlot computes a plot; an empty history has none.
func NewPlot(h history.History) *Plot {
	bins, width := Bins(h)
	if len(bins) == 0 {
		return nil
	}
	whole := time.Duration(len(bins)) * width
	for _, mark := range h.Marks {
		whole = max(whole, mark.At)
	}
	p := &Plot{Seconds: whole.Seconds(), Every: width, Times: times(whole)}
	for _, bin := range bins {
		p.Most = max(p.Most, bin.Asked())
	}
	scale := latencyScale(bins)
	p.Decades = scale.ticks()
	for _, bin := range bins {
		p.Bars = append(p.Bars, bar(bin, width, whole, p.Most))
	}
	p.Median = line(bins, width, whole, scale, func(b Bin) time.Duration { return b.Median })
	p.Slow = line(bins, width, whole, scale, func(b Bin) time.Duration { return b.Slow })
	p.Bands = bands(h.Marks, whole)
	for _, mark := range h.Marks {
		p.Marks = append(p.Marks, Mark{mark.At.Seconds(), share(mark.At, whole), mark.Name, mark.Text})
	}
	return p
}

// share is a part of the whole in percent, with a tenth.
func share(part, whole time.Duration) float64 {
	return math.Round(1000*min(1, float64(part)/float64(whole))) / 10
}

// tenth keeps a coordinate's first decimal: more would only make the file longer.
func tenth(x float64) float64 { return math.Round(10*x) / 10 }

func bar(b Bin, width, whole time.Duration, most int) Bar {
	height := func(n int) float64 { return tenth(plotHeight * float64(n) / float64(max(most, 1))) }
	out := Bar{
		X: tenth(plotWidth * float64(b.From) / float64(whole)), Width: tenth(plotWidth * float64(width) / float64(whole) * 0.86),
		OK: height(b.OK), Unknown: height(b.Unknown), Failed: height(b.Failed),
		Title: fmt.Sprintf("%s: %d ok, %d failed, %d unknown", b.From, b.OK, b.Failed, b.Unknown),
	}
	out.OKTop = tenth(plotHeight - out.OK)
	out.UnknownTop = tenth(out.OKTop - out.Unknown)
	out.FailedTop = tenth(out.UnknownTop - out.Failed)
	return out
}

// bands are the times between each injection and the full strength after it; one that never came lasts to the end.
func bands(marks []history.Mark, whole time.Duration) (all []Band) {
	for i, mark := range marks {
		if mark.Name != history.Injecting {
			continue
		}
		to := whole
		for _, later := range marks[i+1:] {
			if later.Name == history.Recovered || later.Name == history.Injecting {
				to = later.At
				break
			}
		}
		from := share(mark.At, whole)
		all = append(all, Band{from, tenth(share(to, whole) - from), fmt.Sprintf("%s, until full strength %.1f s later", mark.Text, (to - mark.At).Seconds())})
	}
	return all
}

// scale is a logarithmic scale of whole decades.
type scale struct{ from, to int } // powers of ten, in seconds

func latencyScale(bins []Bin) scale {
	s := scale{from: math.MaxInt, to: math.MinInt}
	for _, bin := range bins {
		if bin.OK == 0 {
			continue
		}
		s.from = min(s.from, int(math.Floor(math.Log10(atLeast(bin.Median).Seconds()))))
		s.to = max(s.to, int(math.Ceil(math.Log10(atLeast(bin.Slow).Seconds()))))
	}
	if s.from > s.to {
		return scale{-3, 0} // nothing succeeded
	}
	s.to = max(s.to, s.from+1)
	return s
}

// atLeast keeps a latency on a scale that has no zero.
func atLeast(took time.Duration) time.Duration { return max(took, 10*time.Microsecond) }

// height is the distance from the top of the plot.
func (s scale) height(took time.Duration) float64 {
	at := (math.Log10(atLeast(took).Seconds()) - float64(s.from)) / float64(s.to-s.from)
	return tenth(plotHeight * (1 - min(1, max(0, at))))
}

func (s scale) ticks() (ticks []Tick) {
	for power := s.from; power <= s.to; power++ {
		took := time.Duration(math.Pow10(power) * float64(time.Second))
		ticks = append(ticks, Tick{At: s.height(took), Text: short(took), Major: true})
	}
	return ticks
}

// short is a duration as an axis shows it.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%g µs", float64(d)/float64(time.Microsecond))
}

// line is a path through the bins' middles; it is interrupted where nothing succeeded.
func line(bins []Bin, width, whole time.Duration, s scale, of func(Bin) time.Duration) string {
	var path strings.Builder
	move := true
	for _, bin := range bins {
		if bin.OK == 0 {
			move = true
			continue
		}
		x, y := tenth(plotWidth*float64(bin.From+width/2)/float64(whole)), s.height(of(bin))
		if move {
			fmt.Fprintf(&path, "M%g %gh0", x, y) // a dot, if it stays alone
		} else {
			fmt.Fprintf(&path, "L%g %g", x, y)
		}
		move = false
	}
	return path.String()
}

// times are at most ten labels below a plot; every other one is kept where there is little room.
func times(whole time.Duration) (ticks []Tick) {
	for _, step := range []int{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600} {
		every := time.Duration(step) * time.Second
		if whole/every > 10 && step < 3600 {
			continue
		}
		for at := time.Duration(0); at <= whole; at += every {
			ticks = append(ticks, Tick{At: share(at, whole), Text: fmt.Sprintf("%d s", int(at.Seconds())), Major: len(ticks)%2 == 0})
		}
		return ticks
	}
	return nil
}
