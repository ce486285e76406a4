package summary

import (
	"math"
	"slices"
)

const (
	// exactValues is how many distinct values a summary keeps as they are.
	exactValues = 64
	// binWidth is the ratio of neighbouring bins once there are more; a bin's middle is within half of it of its values.
	binWidth = 1.01
)

// Summary is what is kept of the values of a time.
type Summary struct {
	Count, Sum, Min, Max float64
	Values               []Value // sorted; empty when Opaque
	// Rough tells that Values are bins' middles.
	Rough bool
	// Opaque tells that the distribution is not known, because sums came in place of values.
	Opaque bool
}

// Value is a value and how often it was seen.
type Value struct{ Value, Count float64 }

// Of returns the summary of values, each seen as often as counts say; without counts, once.
func Of(values, counts []float64) Summary {
	var s Summary
	for i, value := range values {
		count := 1.0
		if counts != nil {
			count = counts[i]
		}
		s.Add(value, count)
	}
	return s
}

// OfSet returns the summary of a statistic set. Its distribution is known when all its values are one.
func OfSet(count, sum, least, most float64) Summary {
	if count == 1 || least == most {
		return Summary{Count: count, Sum: sum, Min: least, Max: most, Values: []Value{{least, count}}}
	}
	return Summary{Count: count, Sum: sum, Min: least, Max: most, Opaque: true}
}

// Add adds a value that was seen so often.
func (s *Summary) Add(value, count float64) {
	if count <= 0 {
		return
	}
	s.widen(value, value)
	s.Count += count
	s.Sum += value * count
	if s.Opaque {
		return
	}
	s.insert(value, count)
	s.limit()
}

// Merge adds another summary's values.
func (s *Summary) Merge(other Summary) {
	if other.Count == 0 {
		return
	}
	s.widen(other.Min, other.Max)
	s.Count += other.Count
	s.Sum += other.Sum
	if s.Opaque || other.Opaque {
		s.Opaque, s.Values = true, nil
		return
	}
	if other.Rough && !s.Rough {
		s.roughen()
	}
	s.Values = slices.Clone(s.Values) // it may be shared with the summary that this one began as
	for _, v := range other.Values {
		s.insert(v.Value, v.Count)
	}
	s.limit()
}

func (s *Summary) widen(least, most float64) {
	if s.Count == 0 {
		s.Min, s.Max = least, most
		return
	}
	s.Min, s.Max = min(s.Min, least), max(s.Max, most)
}

func (s *Summary) insert(value, count float64) {
	if s.Rough {
		value = bin(value)
	}
	at, found := slices.BinarySearchFunc(s.Values, value, func(v Value, target float64) int {
		switch {
		case v.Value < target:
			return -1
		case v.Value > target:
			return 1
		}
		return 0
	})
	if found {
		s.Values[at].Count += count
		return
	}
	s.Values = slices.Insert(s.Values, at, Value{value, count})
}

func (s *Summary) limit() {
	if !s.Rough && len(s.Values) > exactValues {
		s.roughen()
	}
}

// roughen puts the values into bins.
func (s *Summary) roughen() {
	exact := s.Values
	s.Values, s.Rough = nil, true
	for _, v := range exact {
		s.insert(v.Value, v.Count)
	}
}

// bin returns the middle of the bin that a value belongs to; zero has its own.
func bin(value float64) float64 {
	if value == 0 {
		return 0
	}
	middle := math.Exp(math.Round(math.Log(math.Abs(value))/logWidth) * logWidth)
	return math.Copysign(middle, value)
}

var logWidth = math.Log(binWidth)

// at returns a value of the distribution, which bins must not carry past what was really seen.
func (s *Summary) at(i int) float64 { return min(max(s.Values[i].Value, s.Min), s.Max) }
