package expression

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Series are values by their time, in UTC: two times that are equal in different locations are two keys.
type Series map[time.Time]float64

// Grid is the range and period of a computation: times from Start, each a Period behind the other, before End.
type Grid struct {
	Start, End time.Time
	Period     time.Duration
}

// Times returns the grid's times, in UTC.
func (g Grid) Times() (all []time.Time) {
	if g.Period <= 0 {
		return nil
	}
	for at := g.Start.UTC(); at.Before(g.End); at = at.Add(g.Period) {
		all = append(all, at)
	}
	return all
}

// Value is what an expression yields: a number, a series or an array of series.
type Value struct {
	kind   kind
	number float64
	series []Series
}

type kind int

const (
	number kind = iota
	series
	array
)

// Number returns a number.
func Number(f float64) Value { return Value{kind: number, number: f} }

// OfSeries returns a series.
func OfSeries(s Series) Value { return Value{kind: series, series: []Series{s}} }

func arrayOf(all []Series) Value { return Value{kind: array, series: all} }

// All returns the series of a value; a number is a constant one.
func (v Value) All(grid Grid) []Series {
	if v.kind != number {
		return v.series
	}
	constant := Series{}
	for _, at := range grid.Times() {
		constant.set(at, v.number)
	}
	return []Series{constant}
}

// IsArray tells whether a value is an array of series.
func (v Value) IsArray() bool { return v.kind == array }

// set sets a datapoint, unless its value is none.
func (s Series) set(at time.Time, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		s[at] = value
	}
}

// Times returns the times that have a value, oldest first.
func (s Series) Times() []time.Time {
	return slices.SortedFunc(maps.Keys(s), time.Time.Compare)
}

// values returns the values, oldest first.
func (s Series) values() []float64 {
	var all []float64
	for _, at := range s.Times() {
		all = append(all, s[at])
	}
	return all
}

// each applies a function to every datapoint of every series, or to the number.
func (v Value) each(apply func(float64) float64) Value {
	if v.kind == number {
		return Number(apply(v.number))
	}
	out := Value{kind: v.kind}
	for _, s := range v.series {
		mapped := Series{}
		for at, value := range s {
			mapped.set(at, apply(value))
		}
		out.series = append(out.series, mapped)
	}
	return out
}
