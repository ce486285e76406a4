package summary

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Statistic computes a number of a summary. It reports false when the summary has none: it is empty, or its
// distribution is not known.
type Statistic struct {
	Name string
	of   func(s *Summary) (float64, bool)
	// Percentile is the p of a "pNN" statistic in percent; -1 for others.
	Percentile float64
}

// Of computes the statistic.
func (t Statistic) Of(s Summary) (float64, bool) {
	if s.Count == 0 {
		return 0, false
	}
	return t.of(&s)
}

var plain = map[string]func(*Summary) (float64, bool){
	"SampleCount": func(s *Summary) (float64, bool) { return s.Count, true },
	"Average":     func(s *Summary) (float64, bool) { return s.Sum / s.Count, true },
	"Sum":         func(s *Summary) (float64, bool) { return s.Sum, true },
	"Minimum":     func(s *Summary) (float64, bool) { return s.Min, true },
	"Maximum":     func(s *Summary) (float64, bool) { return s.Max, true },
}

// IsPlain tells whether a name is one of the five statistics that need no distribution.
func IsPlain(name string) bool { return plain[name] != nil }

var (
	short = regexp.MustCompile(`^(p|tm|wm|tc|ts)(\d{1,3}(?:\.\d{1,10})?)$`)
	long  = regexp.MustCompile(`^(TM|WM|TC|TS|PR)\(([^:()]*):([^:()]*)\)$`)
)

// Parse reads a statistic's name, such as "Average", "p99.9", "tm95", "TM(10%:90%)", "PR(:300)" or "IQM".
func Parse(name string) (Statistic, error) {
	if of := plain[name]; of != nil {
		return Statistic{Name: name, of: of, Percentile: -1}, nil
	}
	if name == "IQM" {
		return trimmed(name, "TM", bound{25, true}, bound{75, true}), nil
	}
	if match := short.FindStringSubmatch(name); match != nil {
		percent, err := strconv.ParseFloat(match[2], 64)
		if err != nil || percent > 100 {
			return Statistic{}, badStatistic(name)
		}
		if match[1] == "p" {
			of := func(s *Summary) (float64, bool) { return s.percentile(percent) }
			return Statistic{Name: name, of: of, Percentile: percent}, nil
		}
		return trimmed(name, strings.ToUpper(match[1]), bound{0, true}, bound{percent, true}), nil
	}
	if match := long.FindStringSubmatch(name); match != nil {
		return parseRange(name, match[1], match[2], match[3])
	}
	return Statistic{}, badStatistic(name)
}

func badStatistic(name string) error {
	return fmt.Errorf("%q is no statistic: use SampleCount, Average, Sum, Minimum, Maximum, pNN.NN, tmNN, wmNN, tcNN, tsNN, IQM, or TM, WM, TC, TS or PR with (from:to)", name)
}

// bound is an end of a range: a percentage of the values, or a value.
type bound struct {
	number  float64
	percent bool
}

func parseRange(name, kind, from, to string) (Statistic, error) {
	percents := strings.HasSuffix(from, "%") || strings.HasSuffix(to, "%")
	low, err := parseBound(from, bound{math.Inf(-1), false}, bound{0, true}, percents)
	if err != nil {
		return Statistic{}, badStatistic(name)
	}
	high, err := parseBound(to, bound{math.Inf(1), false}, bound{100, true}, percents)
	if err != nil || from == "" && to == "" || kind == "PR" && percents || low.number > high.number {
		return Statistic{}, badStatistic(name)
	}
	return trimmed(name, kind, low, high), nil
}

func parseBound(text string, openValue, openPercent bound, percents bool) (bound, error) {
	if text == "" && percents {
		return openPercent, nil
	}
	if text == "" {
		return openValue, nil
	}
	digits, isPercent := strings.CutSuffix(text, "%")
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || isPercent != percents || isPercent && (number < 0 || number > 100) {
		return bound{}, fmt.Errorf("reading the bound %q", text)
	}
	return bound{number, percents}, nil
}

// percentile returns the smallest value that at least so many percent of the samples do not exceed. There is none where
// values were negative, as in CloudWatch.
func (s *Summary) percentile(percent float64) (float64, bool) {
	if s.Opaque || s.Min < 0 {
		return 0, false
	}
	rank, seen := percent/100*s.Count, 0.0
	for i, v := range s.Values {
		if seen += v.Count; seen >= rank-1e-9 && seen > 0 {
			return s.at(i), true
		}
	}
	return s.Max, true
}
