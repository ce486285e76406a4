package evaluation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"haven/lab/services/cloudwatch/evaluation"
)

// points reads a row of AWS's tables: 0 is within the threshold, X breaches, - is missing.
func points(row string) (all []evaluation.Point) {
	for i, mark := range strings.Fields(row) {
		p := evaluation.Point{Time: time.Unix(int64(i)*60, 0), Missing: mark == "-", Samples: 1}
		if mark == "X" {
			p.Value = 1
		}
		all = append(all, p)
	}
	return all
}

func breaches(value float64) bool { return value > 0 }

var treatments = []evaluation.Missing{evaluation.AsMissing, evaluation.AsIgnored, evaluation.AsBreaching, evaluation.AsNotBreaking}

const retained = "retained"

// TestTheDocumentedTables has the rows of "How alarm state is evaluated when data is missing": the state for each way
// to treat missing data, in the order of treatments.
func TestTheDocumentedTables(t *testing.T) {
	for _, table := range []struct {
		datapoints int
		rows       map[string][4]string
	}{
		{3, map[string][4]string{
			"0 - X - X": {"OK", "OK", "OK", "OK"},
			"- - - - 0": {"OK", "OK", "OK", "OK"},
			"- - - - -": {"INSUFFICIENT_DATA", retained, "ALARM", "OK"},
			"0 X X - X": {"ALARM", "ALARM", "ALARM", "ALARM"},
			"- - X - -": {"ALARM", retained, "ALARM", "OK"},
			// the examples of "Avoiding premature transitions to alarm state"
			"- - - - X": {retained, retained, "ALARM", "OK"},
			"- - - X -": {retained, retained, "ALARM", "OK"},
			"- - - X 0": {"OK", "OK", "OK", "OK"},
			"- - X - 0": {"OK", "OK", "OK", "OK"},
		}},
		{2, map[string][4]string{
			"0 - X - X": {"ALARM", "ALARM", "ALARM", "ALARM"},
			"0 0 X 0 X": {"ALARM", "ALARM", "ALARM", "ALARM"},
			"0 - X - -": {"OK", "OK", "ALARM", "OK"},
			"- - - - 0": {"OK", "OK", "ALARM", "OK"},
			"- - - X -": {"ALARM", retained, "ALARM", "OK"},
		}},
	} {
		for row, wanted := range table.rows {
			for i, treatment := range treatments {
				for _, current := range types.StateValue("").Values() {
					alarm := evaluation.Alarm{Periods: 3, Datapoints: table.datapoints, Missing: treatment, Breaches: breaches}
					got := evaluation.Decide(alarm, points(row), current)
					want := types.StateValue(wanted[i])
					if wanted[i] == retained {
						want = current
					}
					assert.Equal(t, want, got.State, "%d of 3, %q, missing data %s, was %s", table.datapoints, row, treatment, current)
				}
			}
		}
	}
}

func TestTheRangeIsTheDocumentedOne(t *testing.T) { assert.Equal(t, 5, evaluation.Range(3)) }

func TestPercentilesOfFewSamplesChangeNothing(t *testing.T) {
	alarm := evaluation.Alarm{Periods: 1, Datapoints: 1, Missing: evaluation.AsMissing, Breaches: breaches, MinSamples: 10}
	got := evaluation.Decide(alarm, points("- - X"), types.StateValueOk)
	assert.Equal(t, types.StateValueOk, got.State)
	assert.True(t, got.Retained)
}

// TestEnoughDataDecideAlone: with N datapoints in the range, neither the state before nor the treatment matters, and the
// alarm is on just when M of the newest N breach.
func TestEnoughDataDecideAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		periods := rapid.IntRange(1, 6).Draw(t, "N")
		datapoints := rapid.IntRange(1, periods).Draw(t, "M")
		marks := rapid.SliceOfN(rapid.SampledFrom([]string{"0", "X", "-"}), evaluation.Range(periods), evaluation.Range(periods)).Draw(t, "points")
		var newest []string
		for i := len(marks) - 1; i >= 0 && len(newest) < periods; i-- {
			if marks[i] != "-" {
				newest = append(newest, marks[i])
			}
		}
		if len(newest) < periods {
			t.Skip("some must be filled")
		}
		want := types.StateValueOk
		if strings.Count(strings.Join(newest, ""), "X") >= datapoints {
			want = types.StateValueAlarm
		}
		for _, treatment := range treatments {
			for _, current := range types.StateValue("").Values() {
				alarm := evaluation.Alarm{Periods: periods, Datapoints: datapoints, Missing: treatment, Breaches: breaches}
				got := evaluation.Decide(alarm, points(strings.Join(marks, " ")), current)
				if got.State != want || got.Filled != 0 || len(got.Evaluated) != periods {
					t.Fatalf("%v: got %+v, want %s", marks, got, want)
				}
			}
		}
	})
}
