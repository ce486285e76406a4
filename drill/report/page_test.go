package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/history"
	"haven/drill/report"
	"haven/drill/run"
)

func htmlOf(t *testing.T, r report.Run) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, report.HTML(&out, r))
	return out.String()
}

func TestThePageTellsEverything(t *testing.T) {
	text := htmlOf(t, loaded(t, sample(), seen()))
	for _, shown := range []string{
		"1 of 3 drills broke a promise", "failover/web/hang", "HA-10", "9.00 s", "6.00 s", "5.00 % <small>of 2.00 %", "first failed check", "https://docs.aws.amazon.com/x.html",
		"AWS has no call that does this", "3.259.0", "2 cores", "ec2:TerminateInstances", "a server ends &amp; is replaced", `class="meter over"`, "at 11.00 s",
	} {
		require.Contains(t, text, shown)
	}
	require.Equal(t, 3, strings.Count(text, `<svg class="latency"`), "each but the one that was skipped has its plots")
	require.Equal(t, 2, strings.Count(text, `class="timeline" open`), "of those that did not pass it is open")
	require.NotContains(t, text, "ZgotmplZ", "the template refused nothing")
}

// What errors, names and versions say is foreign.
func TestForeignTextStaysText(t *testing.T) {
	text := htmlOf(t, loaded(t, sample(), seen()))
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "<img")
	require.Equal(t, 1, strings.Count(text, "</style>"))
	require.GreaterOrEqual(t, strings.Count(text, "&lt;script&gt;alert("), 3, "the finding, the version and the mark are shown")
	require.NotContains(t, text, "src=http://evil.test/x onerror=alert(1)>")
}

func TestTheHeadlineIsTheWorst(t *testing.T) {
	all := sample().Results
	for want, results := range map[string][]run.Result{
		"The drill kept its promises":                        {all[0]},
		"All 2 drills kept their promises":                   {all[0], all[0], all[3]},
		"1 of 2 drills proved nothing; none broke a promise": {all[0], all[2]},
		"1 of 3 drills broke a promise":                      {all[0], all[1], all[2]},
		"No drill was judged":                                {all[3]},
	} {
		r := sample()
		r.Results = results
		require.Contains(t, htmlOf(t, loaded(t, r, seen())), "<h1>"+want+"</h1>")
	}
}

func TestAMissingHistoryIsSaid(t *testing.T) {
	r := loaded(t, sample(), history.History{})
	require.Contains(t, htmlOf(t, r), "No request was recorded.")
	require.NoError(t, os.Remove(filepath.Join(r.Folder, "failover-web-kill", run.HistoryFile)))
	require.Contains(t, htmlOf(t, r), "No plot: reading the history of failover/web/kill")
}

func TestTheTableTellsFindings(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report.Text(&out, sample()))
	for _, shown := range []string{"failover/web/kill", "HA-04 HA-10", "9.00 s", "6.00 s", "5.00 %", "interrupted", "1 passed, 1 failed, 1 proved nothing, 1 skipped in 4m0s"} {
		require.Contains(t, out.String(), shown)
	}
}
