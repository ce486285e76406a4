package expression

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Inputs are the values of the queries that expressions name, by id, with those of the metrics (not of expressions) again
// for METRICS().
type Inputs struct {
	Grid    Grid
	Values  map[string]Value
	Metrics map[string]Value
}

// Compute computes an expression.
func (e *Expression) Compute(in Inputs) (Value, error) { return e.root.compute(&in) }

type node interface {
	compute(in *Inputs) (Value, error)
}

type constant float64

func (c constant) compute(*Inputs) (Value, error) { return Number(float64(c)), nil }

type reference string

func (r reference) compute(in *Inputs) (Value, error) {
	value, ok := in.Values[string(r)]
	if !ok {
		return Value{}, fmt.Errorf("the expression names %s, which no query has as its id", string(r))
	}
	return value, nil
}

type allMetrics string

func (a allMetrics) compute(in *Inputs) (Value, error) {
	var all []Series
	for _, id := range slices.Sorted(maps.Keys(in.Metrics)) {
		if strings.Contains(id, string(a)) {
			all = append(all, in.Metrics[id].series...)
		}
	}
	return arrayOf(all), nil
}

// elementsOf is an array that was written out.
type elementsOf []node

func (e elementsOf) compute(in *Inputs) (Value, error) {
	var all []Series
	for _, element := range e {
		value, err := element.compute(in)
		if err != nil {
			return Value{}, err
		}
		all = append(all, value.All(in.Grid)...)
	}
	return arrayOf(all), nil
}

var operators = map[string]func(a, b float64) float64{
	"+":  func(a, b float64) float64 { return a + b },
	"-":  func(a, b float64) float64 { return a - b },
	"*":  func(a, b float64) float64 { return a * b },
	"/":  func(a, b float64) float64 { return a / b },
	"^":  math.Pow,
	"==": func(a, b float64) float64 { return truth(a == b) },
	"!=": func(a, b float64) float64 { return truth(a != b) },
	"<":  func(a, b float64) float64 { return truth(a < b) },
	"<=": func(a, b float64) float64 { return truth(a <= b) },
	">":  func(a, b float64) float64 { return truth(a > b) },
	">=": func(a, b float64) float64 { return truth(a >= b) },
	"&&": func(a, b float64) float64 { return truth(a != 0 && b != 0) },
	"||": func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func init() { operators["AND"], operators["OR"] = operators["&&"], operators["||"] }

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

type operation struct {
	apply       func(a, b float64) float64
	left, right node
}

func (o operation) compute(in *Inputs) (Value, error) {
	left, err := o.left.compute(in)
	if err != nil {
		return Value{}, err
	}
	right, err := o.right.compute(in)
	if err != nil {
		return Value{}, err
	}
	return combine(left, right, o.apply)
}

// combine applies an operator: to a number and each datapoint, to the datapoints of two series that are of one time, to
// an array's series one by one.
func combine(left, right Value, apply func(a, b float64) float64) (Value, error) {
	switch {
	case right.kind == number:
		return left.each(func(a float64) float64 { return apply(a, right.number) }), nil
	case left.kind == number:
		return right.each(func(b float64) float64 { return apply(left.number, b) }), nil
	case left.kind == array && right.kind == array:
		return Value{}, fmt.Errorf("an operator has an array on one side at most")
	}
	out := Value{kind: max(left.kind, right.kind)}
	for _, a := range left.series {
		for _, b := range right.series {
			out.series = append(out.series, zip(a, b, apply))
		}
	}
	return out, nil
}

func zip(a, b Series, apply func(a, b float64) float64) Series {
	out := Series{}
	for at, value := range a {
		if other, ok := b[at]; ok {
			out.set(at, apply(value, other))
		}
	}
	return out
}

type call struct {
	function
	arguments []node
}

func (c call) compute(in *Inputs) (Value, error) {
	values := make([]Value, len(c.arguments))
	for i, argument := range c.arguments {
		var err error
		if values[i], err = argument.compute(in); err != nil {
			return Value{}, err
		}
	}
	return c.apply(in.Grid, values)
}

// fill is FILL: a value for the times of the range that have none.
type fill struct {
	of   node
	how  string // REPEAT, LINEAR, or "": with
	with node
}

func (f fill) compute(in *Inputs) (Value, error) {
	of, err := f.of.compute(in)
	if err != nil {
		return Value{}, err
	}
	var with Value
	if f.with != nil {
		if with, err = f.with.compute(in); err != nil {
			return Value{}, err
		}
		if with.kind == array {
			return Value{}, fmt.Errorf("FILL fills with a number or a series, not with an array")
		}
	}
	out := Value{kind: max(of.kind, series)}
	for _, s := range of.All(in.Grid) {
		filled := maps.Clone(s)
		for _, at := range in.Grid.Times() {
			if _, there := s[at]; !there {
				f.set(filled, s, at, with, in.Grid)
			}
		}
		out.series = append(out.series, filled)
	}
	return out, nil
}

// set sets one missing datapoint.
func (f fill) set(filled, s Series, at time.Time, with Value, grid Grid) {
	before, after := s.around(at)
	switch {
	case f.how == "REPEAT" && !before.IsZero():
		filled.set(at, s[before])
	case f.how == "LINEAR" && !before.IsZero() && !after.IsZero():
		share := float64(at.Sub(before)) / float64(after.Sub(before))
		filled.set(at, s[before]+share*(s[after]-s[before]))
	case f.how != "":
	case with.kind == number:
		filled.set(at, with.number)
	default:
		if value, ok := with.series[0][at]; ok {
			filled.set(at, value)
		}
	}
}

// around returns the times of the datapoints next to a time; zero: there is none.
func (s Series) around(at time.Time) (before, after time.Time) {
	for other := range s {
		if other.Before(at) && other.After(before) {
			before = other
		}
		if other.After(at) && (after.IsZero() || other.Before(after)) {
			after = other
		}
	}
	return before, after
}
