package expression_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/cloudwatch/expression"
)

var (
	begin = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	grid  = expression.Grid{Start: begin, End: begin.Add(4 * time.Minute), Period: time.Minute}
)

const gap = -1e9

// of returns a series over the grid; gap is a missing datapoint.
func of(values ...float64) expression.Series {
	s := expression.Series{}
	for i, value := range values {
		if value != gap {
			s[begin.Add(time.Duration(i)*time.Minute)] = value
		}
	}
	return s
}

func TestExpressions(t *testing.T) {
	inputs := map[string]expression.Value{
		"m1": expression.OfSeries(of(10, 20, gap, 40)), "m2": expression.OfSeries(of(1, 0, 3, 4)),
		"m3": expression.OfSeries(of(9, 5, 7, gap)),
	}
	for source, want := range map[string]expression.Series{
		"m1":                          of(10, 20, gap, 40),
		"m1 + m2":                     of(11, 20, gap, 44),
		"m1/(m2+m3)":                  of(1, 4, gap, gap),
		"m1 / m2":                     of(10, gap, gap, 10), // nothing divided by zero is a datapoint
		"-m1 * 2 + 1":                 of(-19, -39, gap, -79),
		"2 ^ 3 ^ 2 - 512 + m2":        of(1, 0, 3, 4),
		"100 - m1 % 1":                nil,
		"SUM([m1, m2])":               of(11, 20, 3, 44), // an array's sum takes what is there
		"SUM(METRICS())":              of(20, 25, 10, 44),
		`MAX(METRICS("m"))`:           of(10, 20, 7, 40),
		"MIN([m1,m2])":                of(1, 0, 3, 4),
		"AVG([m1,m2])":                of(5.5, 10, 3, 22),
		"m2 / SUM(m2)":                of(0.125, 0, 0.375, 0.5),
		"FILL(m1, 0)":                 of(10, 20, 0, 40),
		"FILL(m1, REPEAT)":            of(10, 20, 20, 40),
		"FILL(m1, LINEAR)":            of(10, 20, 30, 40),
		"FILL(m1, m3)":                of(10, 20, 7, 40),
		"RATE(m1) * 60":               of(gap, 10, gap, 10),
		"DIFF(m1)":                    of(gap, 10, gap, 20),
		"RUNNING_SUM(m2)":             of(1, 1, 4, 8),
		"PERIOD(m1) + m2":             of(61, 60, 63, 64),
		"IF(m2 > 2, m1, 0)":           of(0, 0, gap, 40),
		"IF(m2 >= 3 AND m3 < 8, 1)":   of(gap, gap, 1, gap),
		"IF(m2 == 0 || m2 == 4, 1,0)": of(0, 1, 0, 1),
		"m1 > 15":                     of(0, 1, gap, 1),
		"METRIC_COUNT(METRICS())":     of(3, 3, 3, 3),
		"ABS(0 - m2)":                 of(1, 0, 3, 4),
		"CEIL(m2 / 2) + FLOOR(m2/2)":  of(1, 0, 3, 4),
		"MAX(m1) + 0 * m2":            of(40, 40, 40, 40),
	} {
		parsed, err := expression.Parse(source)
		if want == nil {
			require.Error(t, err, source)
			continue
		}
		require.NoError(t, err, source)
		got, err := parsed.Compute(expression.Inputs{Grid: grid, Values: inputs, Metrics: inputs})
		require.NoError(t, err, source)
		all := got.All(grid)
		require.Len(t, all, 1, source)
		assert.InDeltaMapValues(t, floats(want), floats(all[0]), 1e-9, source)
	}
}

func floats(s expression.Series) map[time.Time]float64 { return s }

func TestWhatIsNotThereIsRefusedByName(t *testing.T) {
	for source, want := range map[string]string{
		"ANOMALY_DETECTION_BAND(m1)":     "ANOMALY_DETECTION_BAND",
		"SEARCH('x', 'Average')":         "SEARCH",
		"SELECT AVG(CPU) FROM \"AWS/E\"": "Metrics Insights",
		"SUM(m1, m2)":                    "arguments",
		"m1 +":                           "ends",
		"m1 m2":                          "m2",
		"(m1":                            "expected",
		"FILL(m1)":                       "expected",
		"1.2.3":                          "number",
	} {
		_, err := expression.Parse(source)
		require.ErrorContains(t, err, want, source)
	}
	parsed, err := expression.Parse("nowhere + 1")
	require.NoError(t, err)
	_, err = parsed.Compute(expression.Inputs{Grid: grid})
	require.ErrorContains(t, err, "nowhere")
}

func FuzzParse(f *testing.F) {
	f.Add("IF(m1 / (m2 + m3) > 0.5 AND FILL(m1, REPEAT) != 2 ^ 3, RATE(m1), [m1, 2])")
	f.Fuzz(func(t *testing.T, source string) {
		if parsed, err := expression.Parse(source); err == nil {
			values := map[string]expression.Value{"m1": expression.OfSeries(of(1, 2, 3, 4))}
			parsed.Compute(expression.Inputs{Grid: grid, Values: values, Metrics: values})
		}
	})
}
