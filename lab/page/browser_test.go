package page_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/internal/browsertest"
	"haven/lab/overview"
	"haven/lab/overview/overviewtest"
	"haven/lab/page"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

var (
	desk  = browsertest.Size{Width: 1500, Height: 1000}
	phone = browsertest.Size{Width: 360, Height: 760}
)

// visit opens a world's page, and checks at the end that nothing went wrong in it and that it asked nobody else.
func visit(t *testing.T, b *browsertest.Browser, w *world, size browsertest.Size, dark bool) *browsertest.Tab {
	t.Helper()
	tab := b.Open(t, size, dark)
	tab.Go(w.server.URL + page.Root)
	t.Cleanup(func() {
		if folder := os.Getenv("HAVEN_PICTURES"); folder != "" && !t.Failed() {
			tab.Picture(filepath.Join(folder, strings.ReplaceAll(t.Name(), "/", "-")+".png"))
		}
		for _, wrong := range tab.Errors() {
			assert.Contains(t, wrong, "net::ERR_", "nothing but a lab that ended on purpose may be missed")
		}
		home, err := url.Parse(w.server.URL)
		assert.NoError(t, err)
		for _, request := range tab.Requests() {
			to, err := url.Parse(request.URL)
			assert.NoError(t, err)
			assert.Equal(t, home.Host, to.Host, "%s %s", request.Method, request.URL)
		}
	})
	tab.Until("it is connected", `document.querySelector("#link").innerText.includes("live")`)
	return tab
}

func TestThePageShowsAnEnvironment(t *testing.T) {
	w := start(t, overviewtest.Facts())
	stop := make(chan struct{})
	defer close(stop)
	go func() { // one of twenty fails, as long as the test takes
		for i := 0; ; i++ {
			w.meter.Add(traffic.Request{At: time.Now(), Node: "eni-node-a", Target: "10.0.2.10", Status: 200 + 300*(i%20/19), Seconds: 0.02})
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	tab := visit(t, browsertest.Start(t), w, desk, false)
	tab.Until("three zones are there", `document.querySelectorAll(".zone").length === 3`)
	assert.Contains(t, tab.Text("#verdict"), "All is well")
	text := tab.Text("#zones")
	for _, shown := range []string{"us-east-1a", "vpce-b", "127.80.1.3", "i-0a17f3c9d2e81b460a", "haven-database-b", "lag 3.0 ms", "synchronous", "copy of fs-1", "198.18.0.20"} {
		assert.Contains(t, text, shown)
	}
	assert.EqualValues(t, 6, tab.Eval(`[...document.querySelectorAll(".zone [aria-label^='Servers'] .node.well")].length`))
	tab.Until("requests are charted", `document.querySelector("#chart-requests .k-requests").getAttribute("d").length > 200`)
	tab.Until("errors are counted", `/[1-9][.0-9]* % of requests/.test(document.querySelector("#figures").innerText)`)
	assert.Contains(t, tab.Text("#alarms"), "haven-5xx")
	assert.Equal(t, []string{}, tab.Errors())
}

func TestWhatHappensIsShownAtOnce(t *testing.T) {
	w := start(t, overviewtest.Facts())
	tab := visit(t, browsertest.Start(t), w, desk, false)
	w.timeline.Add(timeline.Event{Region: "us-east-1", Zone: "us-east-1a", Source: "ec2", Subject: "i-1", Text: "<b>exploded</b> & <img src=x onerror=alert(1)>", Severity: timeline.Critical})
	tab.Until("the event is there, as text", `document.querySelector("#timeline").innerText.includes("<b>exploded</b> & <img src=x")`)
	w.change(func(f *overview.Facts) { f.Nodes[1].Running, f.Nodes[1].Reason = false, "HAProxy ended" })
	tab.Until("the node fails", `document.querySelectorAll(".zone")[1].classList.contains("failing")`)
	assert.Contains(t, tab.Text("#verdict"), "Degraded")
	assert.Contains(t, tab.Text("#notices"), "HAProxy ended")
	tab.Eval(`document.querySelector("#filter").value = "nothing like it"; document.querySelector("#filter").dispatchEvent(new Event("input"))`)
	tab.Until("the filter leaves nothing", `document.querySelector("#timeline").innerText.includes("No event matches")`)
}

// Everything by the keyboard: the fault, its confirmation, and healing it.
func TestAFaultIsInjectedAndHealed(t *testing.T) {
	w := start(t, overviewtest.Facts())
	tab := visit(t, browsertest.Start(t), w, desk, true)
	tab.Until("there is a button", `document.querySelector(".zone header button")`)
	tab.Eval(`document.querySelectorAll(".zone header button")[1].focus()`)
	tab.Press("Enter")
	tab.Until("the dialog is open", `document.querySelector("#faults").open`)
	assert.Contains(t, tab.Text("#faults"), "goes dark at once")
	tab.Eval(`document.querySelector("#faults .choice button").focus()`)
	tab.Press("Enter")
	tab.Until("it asks first", `document.querySelector("#faults button.full")`)
	assert.Empty(t, w.called(), "a big fault is confirmed first")
	tab.Press("Enter")
	tab.Until("the fault is shown", `document.querySelector("#notices").innerText.includes("zone-power")`)
	assert.Equal(t, []string{"inject us-east-1 zone-power us-east-1b "}, w.called())
	assert.Contains(t, tab.Requests(), browsertest.Request{Method: "POST", URL: w.server.URL + page.Root + "faults?region=us-east-1"})
	tab.Until("its zone is marked", `document.querySelectorAll(".zone")[1].querySelector("header .tag.fault")`)
	tab.Eval(`document.querySelector("#notices button").focus()`)
	tab.Press("Enter")
	tab.Until("it is healed", `!document.querySelector("#notices").innerText.includes("zone-power")`)
	assert.Equal(t, "heal us-east-1 fault-1", w.called()[1])
	tab.Eval(`document.querySelector(".node .mend").click()`)
	tab.Until("a server's dialog is open", `document.querySelector("#faults").open`)
	tab.Press("Escape")
	tab.Until("it is closed", `!document.querySelector("#faults").open`)
	assert.Equal(t, []string{}, tab.Errors())
}

func TestALostLabIsSaidAndFoundAgain(t *testing.T) {
	w := start(t, overviewtest.Facts())
	tab := visit(t, browsertest.Start(t), w, desk, false)
	tab.Until("zones are there", `document.querySelectorAll(".zone").length === 3`)
	address := w.server.Listener.Addr().String()
	w.end()
	tab.Until("the loss is said", `!document.querySelector("#lost").hidden`)
	assert.Contains(t, tab.Text("#lost"), "haven lab start")
	facts := overviewtest.Facts()
	facts.Nodes[0].Running = false
	startAt(t, address, facts)
	tab.Until("the new lab is shown", `document.querySelector("#lost").hidden && document.querySelectorAll(".zone.failing").length === 1`)
}

func TestAnEmptyLabSaysWhatToType(t *testing.T) {
	w := start(t, overview.Facts{Region: "us-east-1", Zones: []string{"us-east-1a", "us-east-1b"}, Realm: "running"})
	tab := visit(t, browsertest.Start(t), w, desk, false)
	tab.Until("it says so", `document.querySelector("#zones").innerText.includes("scripts/up")`)
	assert.Equal(t, true, tab.Eval(`document.querySelector(".charts").hidden`))
}

// On a phone and on a wide screen nothing is wider than the screen, and in light and dark every text can be read.
func TestThePageCanBeReadAnywhere(t *testing.T) {
	w := start(t, overviewtest.Facts())
	w.change(func(f *overview.Facts) { f.Nodes[1].Running, f.Nodes[1].Reason = false, "HAProxy ended" })
	w.faults = []overview.Fault{{ID: "f-1", Kind: "slow", Zone: "us-east-1c", Target: "haven-database-c", Since: time.Now()}}
	b := browsertest.Start(t)
	for _, size := range []browsertest.Size{phone, {Width: 768, Height: 1000}, desk, {Width: 2400, Height: 1200}} {
		for _, dark := range []bool{false, true} {
			t.Run(fmt.Sprint(size.Width, " dark ", dark), func(t *testing.T) {
				tab := visit(t, b, w, size, dark)
				tab.Until("all is there", `document.querySelectorAll(".node").length > 20 && document.querySelector("#notices .notice")`)
				assert.LessOrEqual(t, tab.Eval(`document.documentElement.scrollWidth`), float64(size.Width))
				faint, ok := tab.Eval(contrasts).([]any)
				require.True(t, ok)
				assert.Empty(t, faint, "these texts have a contrast below 4.5 to 1")
				assert.Empty(t, tab.Eval(`[...document.querySelectorAll("button,select,input")].filter(e => !(e.innerText.trim() || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML)`), "these have no name")
			})
		}
	}
}

// contrasts lists the texts whose contrast with what is behind them is below what WCAG 2 asks for.
const contrasts = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest(".quiet,noscript,option,script,.skip")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(rgba(e.ownerSVGElement ? style.fill : style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(e.className + " " + walk.currentNode.data + " " + ratio.toFixed(2));
  }
  return [...found];
})()`
