package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/report"
	"haven/internal/browsertest"
)

// opened shows the sample's page, and checks at the end that nothing went wrong in it and that it asked for nothing.
func opened(t *testing.T, size browsertest.Size, dark bool) *browsertest.Tab {
	t.Helper()
	folder := saved(t, sample(), seen())
	require.NoError(t, report.Write(folder))
	page := "file://" + filepath.Join(folder, report.PageFile)
	tab := browsertest.Start(t).Open(t, size, dark)
	t.Cleanup(func() {
		if pictures := os.Getenv("HAVEN_PICTURES"); pictures != "" {
			tab.Picture(filepath.Join(pictures, t.Name()+".png"))
		}
		require.Empty(t, tab.Errors())
		for _, request := range tab.Requests() {
			require.True(t, request.URL == page || request.URL == "data:,", "it asked for %s", request.URL)
		}
	})
	tab.Go(page)
	tab.Until("it is loaded", `document.readyState === "complete" && document.querySelectorAll(".drill").length === 4`)
	return tab
}

func TestThePageIsDrawn(t *testing.T) {
	tab := opened(t, browsertest.Size{Width: 1280, Height: 900}, false)
	require.EqualValues(t, 4, tab.Eval(`document.querySelectorAll(".summary tbody tr").length`))
	require.EqualValues(t, 3, tab.Eval(`document.querySelectorAll("svg.latency").length`))
	require.Equal(t, true, tab.Eval(`[...document.querySelectorAll("svg.latency path")].every(p => p.getTotalLength() > 300 && p.getBoundingClientRect().width > 300)`), "lines are drawn")
	require.Equal(t, true, tab.Eval(`["ok", "bad", "unknown"].every(k => [...document.querySelectorAll("rect." + k)].some(r => r.getBoundingClientRect().height > 3))`), "bars are drawn")
	require.Equal(t, true, tab.Eval(`(() => { const b = document.querySelector(".band").getBoundingClientRect(), a = document.querySelector(".area").getBoundingClientRect();
		return Math.abs((b.left - a.left) / a.width - 1/6) < 0.01 && Math.abs(b.width / a.width - 1/3) < 0.01 })()`), "the fault's band is where the fault was")
	require.Contains(t, tab.Text(".findings"), `<script>alert("1")</script>`, "as text")
	require.Equal(t, "none", tab.Eval(`getComputedStyle(document.querySelector(".summary .name"), "::before").content`), "it is a table")
}

func TestThePageFitsAPhoneInTheDark(t *testing.T) {
	tab := opened(t, browsertest.Size{Width: 400, Height: 800}, true)
	require.Equal(t, true, tab.Eval(`document.documentElement.scrollWidth <= 400`), "nothing has to be scrolled sideways")
	require.Equal(t, true, tab.Eval(`[...document.querySelectorAll("section *")].filter(e => e.getBoundingClientRect().right > 400 && !e.closest("svg, .area, .below, thead")).length === 0`))
	require.Equal(t, "rgb(16, 18, 20)", tab.Eval(`getComputedStyle(document.documentElement).backgroundColor`))
	require.Equal(t, true, tab.Eval(`document.querySelector("svg.latency").getBoundingClientRect().width > 250`))
	require.Equal(t, `"Verdict"`, tab.Eval(`getComputedStyle(document.querySelector(".summary td:nth-child(3)"), "::before").content`), "rows are cards, which name their cells")
	require.Equal(t, true, tab.Eval(`parseFloat(getComputedStyle(document.querySelector(".left span")).fontSize) >= 11`), "labels are not shrunk with the plot")
}
