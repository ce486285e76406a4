package report_test

import (
	"bytes"
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/report"
)

func TestJUnitTellsWhichPromiseBroke(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report.JUnit(&out, sample()))
	var read struct {
		Suite struct {
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Skipped  int    `xml:"skipped,attr"`
			Time     string `xml:"time,attr"`
			Cases    []struct {
				Class   string `xml:"classname,attr"`
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Error *struct {
					Message string `xml:"message,attr"`
				} `xml:"error"`
				Skipped *struct {
					Message string `xml:"message,attr"`
				} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(out.Bytes(), &read), out.String())
	s := read.Suite
	require.Equal(t, []int{4, 1, 1, 1}, []int{s.Tests, s.Failures, s.Errors, s.Skipped})
	require.Equal(t, "240.000", s.Time)
	require.Equal(t, "failover.web", s.Cases[0].Class)
	require.Equal(t, "kill", s.Cases[0].Name)
	require.True(t, s.Cases[0].Failure == nil && s.Cases[0].Error == nil && s.Cases[0].Skipped == nil)
	require.Equal(t, check.ErrGap.Error(), s.Cases[1].Failure.Message)
	require.Contains(t, s.Cases[1].Failure.Text, "[HA-04 HA-10]: "+hostile, "escaped, it comes back as it was")
	require.Contains(t, s.Cases[2].Error.Message, "interrupted")
	require.Contains(t, s.Cases[3].Skipped.Message, "AWS has no call")
}
