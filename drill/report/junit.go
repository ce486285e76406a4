package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"haven/drill/run"
)

// The elements that build servers read, after
// https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"` // seconds
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a run as JUnit's XML: a test case for each drill. A broken promise is a failure, a drill that proves nothing an error.
func JUnit(w io.Writer, r run.Report) error {
	suite := junitSuite{
		Name: "haven drill " + r.Target, Tests: len(r.Results), Failures: r.Count(run.Failed), Errors: r.Count(run.Invalid), Skipped: r.Count(run.Skipped),
		Time: seconds(r.Took), Timestamp: r.Begun.UTC().Format("2006-01-02T15:04:05"), Properties: properties(r),
	}
	for _, result := range r.Results {
		suite.Cases = append(suite.Cases, testcase(result))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing JUnit's XML: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suite: suite}); err != nil {
		return fmt.Errorf("writing JUnit's XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func properties(r run.Report) []junitProperty {
	all := []junitProperty{{"seed", fmt.Sprint(r.Seed)}, {"machine", r.Machine}}
	for _, name := range names(r.Versions) {
		all = append(all, junitProperty{"version of " + name, r.Versions[name]})
	}
	return all
}

func testcase(r run.Result) junitCase {
	tier, name := filepath.Split(r.Scenario)
	c := junitCase{Class: strings.ReplaceAll(strings.Trim(tier, "/"), "/", "."), Name: name, Time: seconds(r.Took), Out: figures(r)}
	switch r.Verdict {
	case run.Failed:
		c.Failure = outcome(r)
	case run.Invalid:
		c.Error = outcome(r)
	case run.Skipped:
		c.Skipped = &junitOutcome{Message: r.Reason}
	}
	return c
}

// outcome names each broken promise, the controls that promise it and what broke it.
func outcome(r run.Result) *junitOutcome {
	out := &junitOutcome{Message: r.Reason, Type: string(r.Verdict)}
	var promises, lines []string
	for _, f := range r.Findings {
		if !slices.Contains(promises, f.Promise) {
			promises = append(promises, f.Promise)
		}
		lines = append(lines, fmt.Sprintf("%s [%s]: %s", f.Promise, strings.Join(f.Controls, " "), f.Text))
	}
	if out.Message == "" {
		out.Message = strings.Join(promises, "; ")
	}
	if r.Reason != "" {
		lines = append([]string{r.Reason}, lines...)
	}
	out.Text = strings.Join(lines, "\n")
	return out
}

// figures are a drill's figures in a line.
func figures(r run.Result) string {
	if r.Verdict == run.Skipped {
		return ""
	}
	text := fmt.Sprintf("longest gap %.2f s", r.Measured.Gap.Seconds())
	if r.Budget != nil {
		text += " of budget " + r.Budget.String()
	}
	text += fmt.Sprintf("; %d of %d requests did not succeed; seed %d; evidence in %s", r.Measured.Failures, r.Measured.Operations, r.Seed, r.Evidence)
	return text
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
