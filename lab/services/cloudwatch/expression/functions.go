package expression

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// function is a function of metric math.
type function struct {
	least, most int // arguments
	apply       func(grid Grid, arguments []Value) (Value, error)
}

var functions map[string]function

func init() {
	functions = map[string]function{
		"ABS": each(math.Abs), "CEIL": each(math.Ceil), "FLOOR": each(math.Floor), "LOG": each(math.Log), "LOG10": each(math.Log10),
		"AVG": reduce(mean), "SUM": reduce(sum), "MIN": reduce(slices.Min[[]float64]), "MAX": reduce(slices.Max[[]float64]), "STDDEV": reduce(deviation),
		"RATE": along(rate), "DIFF": along(diff), "DIFF_TIME": along(diffTime), "RUNNING_SUM": along(runningSum),
		"PERIOD":          {1, 1, func(g Grid, _ []Value) (Value, error) { return Number(g.Period.Seconds()), nil }},
		"DATAPOINT_COUNT": reduce(func(all []float64) float64 { return float64(len(all)) }),
		"FIRST":           pick(func(all []Series) Series { return all[0] }),
		"LAST":            pick(func(all []Series) Series { return all[len(all)-1] }),
		"METRIC_COUNT":    {1, 1, func(_ Grid, a []Value) (Value, error) { return Number(float64(len(a[0].series))), nil }},
		"IF":              {2, 3, conditional},
	}
}

func functionNames() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(functions)), "FILL", "METRICS")))
}

// each is a function of single values.
func each(of func(float64) float64) function {
	return function{1, 1, func(_ Grid, a []Value) (Value, error) { return a[0].each(of), nil }}
}

// reduce is a function that makes one number of a series, and one series of an array: at each time of the values that
// are there then.
func reduce(of func([]float64) float64) function {
	return function{1, 1, func(_ Grid, a []Value) (Value, error) {
		switch a[0].kind {
		case number:
			return Number(of([]float64{a[0].number})), nil
		case series:
			values := a[0].series[0].values()
			if len(values) == 0 {
				return OfSeries(Series{}), nil
			}
			return Number(of(values)), nil
		}
		byTime := map[time.Time][]float64{}
		for _, s := range a[0].series {
			for at, value := range s {
				byTime[at] = append(byTime[at], value)
			}
		}
		out := Series{}
		for at, values := range byTime {
			out.set(at, of(values))
		}
		return OfSeries(out), nil
	}}
}

func sum(all []float64) (total float64) {
	for _, value := range all {
		total += value
	}
	return total
}

func mean(all []float64) float64 { return sum(all) / float64(len(all)) }

func deviation(all []float64) float64 {
	middle, squares := mean(all), 0.0
	for _, value := range all {
		squares += (value - middle) * (value - middle)
	}
	return math.Sqrt(squares / float64(len(all)))
}

// along is a function that goes along each series.
func along(of func(times []time.Time, s Series) Series) function {
	return function{1, 1, func(_ Grid, a []Value) (Value, error) {
		if a[0].kind == number {
			return Value{}, fmt.Errorf("the function takes a series or an array, and not a number")
		}
		out := Value{kind: a[0].kind}
		for _, s := range a[0].series {
			out.series = append(out.series, of(s.Times(), s))
		}
		return out, nil
	}}
}

// rate is the change by the second.
func rate(times []time.Time, s Series) Series {
	out := Series{}
	for i := 1; i < len(times); i++ {
		out.set(times[i], (s[times[i]]-s[times[i-1]])/times[i].Sub(times[i-1]).Seconds())
	}
	return out
}

func diff(times []time.Time, s Series) Series {
	out := Series{}
	for i := 1; i < len(times); i++ {
		out.set(times[i], s[times[i]]-s[times[i-1]])
	}
	return out
}

func diffTime(times []time.Time, _ Series) Series {
	out := Series{}
	for i := 1; i < len(times); i++ {
		out.set(times[i], times[i].Sub(times[i-1]).Seconds())
	}
	return out
}

func runningSum(times []time.Time, s Series) Series {
	out, total := Series{}, 0.0
	for _, at := range times {
		total += s[at]
		out.set(at, total)
	}
	return out
}

func pick(of func([]Series) Series) function {
	return function{1, 1, func(_ Grid, a []Value) (Value, error) {
		if a[0].kind != array || len(a[0].series) == 0 {
			return Value{}, fmt.Errorf("FIRST and LAST take an array that is not empty")
		}
		return OfSeries(of(a[0].series)), nil
	}}
}

// conditional is IF(condition, then, else): at each time by the condition's value there; without an else there is then
// no datapoint.
func conditional(_ Grid, a []Value) (Value, error) {
	if len(a) == 2 {
		a = append(a, OfSeries(Series{}))
	}
	for _, argument := range a {
		if argument.kind == array {
			return Value{}, fmt.Errorf("IF takes numbers and series, not arrays")
		}
	}
	if a[0].kind == number {
		if a[0].number != 0 {
			return a[1], nil
		}
		return a[2], nil
	}
	out := Series{}
	for at, condition := range a[0].series[0] {
		chosen := a[1]
		if condition == 0 {
			chosen = a[2]
		}
		if chosen.kind == number {
			out.set(at, chosen.number)
		} else if value, ok := chosen.series[0][at]; ok {
			out.set(at, value)
		}
	}
	return OfSeries(out), nil
}
