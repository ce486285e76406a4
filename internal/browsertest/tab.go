package browsertest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// Tab is one open page, and what was noticed of it.
type Tab struct {
	t       testing.TB
	browser *Browser
	session string

	mu       sync.Mutex
	errors   []string // on the console, uncaught, or of a refused policy
	requests []Request
}

// Request is one that the page made.
type Request struct{ Method, URL string }

// Size is that of a window, in CSS pixels.
type Size struct{ Width, Height int }

// Open opens a tab of a size, in light or dark, on an empty page.
func (b *Browser) Open(t testing.TB, size Size, dark bool) *Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var target struct{ TargetID string }
	must(t, b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target))
	var attached struct{ SessionID string }
	must(t, b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached))
	tab := &Tab{t: t, browser: b, session: attached.SessionID}
	t.Cleanup(func() { // before the next one: a browser has six connections for all tabs of a host
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_ = b.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": target.TargetID}, nil) // it may have ended
	})
	b.mu.Lock()
	b.tabs[tab.session] = tab
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		tab.call(domain+".enable", map[string]any{}, nil)
	}
	tab.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": size.Width, "height": size.Height, "deviceScaleFactor": 1, "mobile": false}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	tab.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	return tab
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (tab *Tab) call(method string, params, result any) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	must(tab.t, tab.browser.call(ctx, tab.session, method, params, result))
}

// hear notes what the browser tells of the page.
func (tab *Tab) hear(method string, params json.RawMessage) {
	var p struct {
		Request struct{ URL, Method string }
		Entry   struct{ Level, Text, URL string }
		Type    string
		Args    []struct {
			Value       any
			Description string
		}
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch {
	case method == "Network.requestWillBeSent":
		tab.requests = append(tab.requests, Request{p.Request.Method, p.Request.URL})
	case method == "Log.entryAdded" && p.Entry.Level == "error":
		tab.errors = append(tab.errors, p.Entry.Text+" "+p.Entry.URL)
	case method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "assert"):
		tab.errors = append(tab.errors, fmt.Sprint("console: ", p.Args))
	case method == "Runtime.exceptionThrown":
		tab.errors = append(tab.errors, p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
	}
}

// Go loads a URL.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	var loaded struct{ ErrorText string }
	tab.call("Page.navigate", map[string]any{"url": url}, &loaded)
	if loaded.ErrorText != "" {
		tab.t.Fatalf("loading %s: %s", url, loaded.ErrorText)
	}
}

// Eval returns the value of an expression, which may be a promise.
func (tab *Tab) Eval(expression string) any {
	tab.t.Helper()
	value, err := tab.eval(expression)
	must(tab.t, err)
	return value
}

func (tab *Tab) eval(expression string) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	params := map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}
	if err := tab.browser.call(ctx, tab.session, "Runtime.evaluate", params, &out); err != nil {
		return nil, err
	}
	if out.ExceptionDetails != nil {
		return nil, fmt.Errorf("evaluating %s: %s", expression, out.ExceptionDetails.Exception.Description)
	}
	return out.Result.Value, nil
}

// Text returns the text that a person sees in the first element of a selector; empty without one.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	quoted, _ := json.Marshal(selector) // a string always encodes
	text, _ := tab.Eval("(document.querySelector(" + string(quoted) + ")||{}).innerText||''").(string)
	return text
}

// Until waits until an expression is true, and fails with what the page shows. One that throws is not true yet.
func (tab *Tab) Until(what, expression string) {
	tab.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		value, err := tab.eval("(() => { try { return Boolean(" + expression + ") } catch { return false } })()")
		if err == nil && value == true { // an error: the page was just being loaded
			return
		}
		if time.Now().After(end) {
			tab.t.Fatalf("waiting until %s: the page shows %q, and said %q", what, tab.Text("html"), tab.Errors())
		}
	}
}

// Press presses a key, such as "Enter", "Tab" or "Escape", as a person would.
func (tab *Tab) Press(key string) {
	tab.t.Helper()
	codes := map[string]int{"Enter": 13, "Tab": 9, "Escape": 27}
	press := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	if key == "Enter" {
		press["text"] = "\r"
	}
	tab.call("Input.dispatchKeyEvent", press, nil)
	tab.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}, nil)
}

// Errors returns what went wrong in the page so far.
func (tab *Tab) Errors() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.errors...)
}

// Requests returns what the page asked for so far.
func (tab *Tab) Requests() []Request {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]Request{}, tab.requests...)
}

// Picture writes what the page looks like, all of its length, into a PNG file.
func (tab *Tab) Picture(path string) {
	tab.t.Helper()
	var shot struct{ Data string }
	tab.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	raw, err := base64.StdEncoding.DecodeString(shot.Data)
	must(tab.t, err)
	must(tab.t, os.WriteFile(path, raw, 0o600))
}
