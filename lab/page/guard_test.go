package page_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/overview/overviewtest"
	"haven/lab/page"
)

// ask sends a request with headers; Host is one of them.
func ask(t *testing.T, w *world, method, path, body string, headers map[string]string) (status int, answer string, got http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range headers {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	client := *w.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(raw), response.Header
}

var tokenPattern = regexp.MustCompile(`name="haven-token" content="([^"]+)"`)

func tokenOf(t *testing.T, w *world) string {
	t.Helper()
	_, index, _ := ask(t, w, "GET", page.Root, "", nil)
	found := tokenPattern.FindStringSubmatch(index)
	require.Len(t, found, 2, index)
	return found[1]
}

func TestThePageTakesItsPathAndNothingElse(t *testing.T) {
	w := start(t, overviewtest.Facts())
	signed := map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=…"}
	for _, c := range []struct {
		method, path string
		headers      map[string]string
		status       int
	}{
		{"GET", "/_haven/", nil, 200},
		{"GET", "/_haven", nil, 308},
		{"GET", "/_haven/page.css", nil, 200},
		{"GET", "/_haven/js/main.js", nil, 200},
		{"GET", "/_haven/icon.svg", nil, 200},
		{"GET", "/_haven/picture", nil, 200},
		{"GET", "/_haven/picture?region=mars", nil, 404},
		{"GET", "/_haven/index.html", nil, 404}, // it would be the bare template
		{"GET", "/_haven/nothing", nil, 404},
		{"POST", "/_haven/", nil, 405},
		{"PUT", "/_haven/faults", nil, 405},
		{"GET", "/", nil, 418},
		{"POST", "/", nil, 418},
		{"GET", "/_havenly/x", nil, 418},
		{"PUT", "/_haven/key", signed, 418}, // an object of a bucket that is in the host's name
		{"GET", "/_haven/key?X-Amz-Algorithm=AWS4-HMAC-SHA256", nil, 418},
	} {
		status, answer, _ := ask(t, w, c.method, c.path, "", c.headers)
		assert.Equal(t, c.status, status, "%s %s: %s", c.method, c.path, answer)
	}
}

// A name that a foreign site has led here is refused, whatever is asked for.
func TestForeignNamesAreRefused(t *testing.T) {
	w := start(t, overviewtest.Facts())
	token := tokenOf(t, w)
	for host, status := range map[string]int{
		"127.0.0.1:4566": 200, "127.80.1.1": 200, "localhost": 200, "LOCALHOST:80": 200, "[::1]:4566": 200, "[::1]": 200,
		"evil.example": 403, "evil.example:4566": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "sub.localhost": 403,
		"10.0.0.1:4566": 403, "0.0.0.0": 403, "[::ffff:8.8.8.8]": 403,
	} {
		got, _, _ := ask(t, w, "GET", page.Root, "", map[string]string{"Host": host})
		assert.Equal(t, status, got, host)
	}
	for _, path := range []string{"stream", "picture", "faults"} {
		got, _, _ := ask(t, w, "GET", page.Root+path, "", map[string]string{"Host": "evil.example"})
		assert.Equal(t, 403, got, path)
	}
	got, _, _ := ask(t, w, "POST", page.Root+"heal", `{"all":true}`, map[string]string{
		"Host": "evil.example", "Origin": "http://evil.example", "X-Haven-Token": token, "Content-Type": "application/json",
	})
	assert.Equal(t, 403, got)
	assert.Empty(t, w.called())
}

func TestOnlyThePageItselfChangesSomething(t *testing.T) {
	w := start(t, overviewtest.Facts())
	token := tokenOf(t, w)
	right := map[string]string{"X-Haven-Token": token, "Content-Type": "application/json", "Origin": w.server.URL, "Sec-Fetch-Site": "same-origin"}
	with := func(name, value string) map[string]string {
		headers := map[string]string{}
		for n, v := range right {
			headers[n] = v
		}
		headers[name] = value
		return headers
	}
	for _, c := range []struct {
		name, body string
		headers    map[string]string
		status     int
	}{
		{"another origin", `{"all":true}`, with("Origin", "http://evil.example"), 403},
		{"another port of this machine", `{"all":true}`, with("Origin", "http://127.0.0.1:1"), 403},
		{"no origin at all", `{"all":true}`, with("Origin", "null"), 403},
		{"another site, as the browser says", `{"all":true}`, with("Sec-Fetch-Site", "cross-site"), 403},
		{"another part of the site", `{"all":true}`, with("Sec-Fetch-Site", "same-site"), 403},
		{"no token", `{"all":true}`, with("X-Haven-Token", ""), 403},
		{"another lab's token", `{"all":true}`, with("X-Haven-Token", "AAAA"), 403},
		{"a form", `all=true`, with("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"text that looks like JSON", `{"all":true}`, with("Content-Type", "text/plain"), 415},
		{"no JSON", `{`, right, 400},
		{"an unknown member", `{"al":true}`, right, 400},
		{"neither one nor all", `{}`, right, 400},
		{"one and all", `{"id":"f-1","all":true}`, right, 400},
		{"too much", `{"id":"` + strings.Repeat("x", 1<<20) + `"}`, right, 400},
	} {
		status, answer, _ := ask(t, w, "POST", page.Root+"heal", c.body, c.headers)
		assert.Equal(t, c.status, status, "%s: %s", c.name, answer)
	}
	assert.Empty(t, w.called(), "nothing reached the faults")

	status, answer, _ := ask(t, w, "POST", page.Root+"faults", `{"kind":"hang","zone":"us-east-1a","target":"i-1","label":"x","about":"","on":"","big":false}`, right)
	assert.Equal(t, 200, status, answer)
	status, answer, _ = ask(t, w, "POST", page.Root+"faults", `{"kind":"impossible"}`, right)
	assert.Equal(t, 422, status)
	assert.Contains(t, answer, "there is no fault")
	delete(right, "Origin") // not every browser sends one
	status, _, _ = ask(t, w, "POST", page.Root+"heal", `{"id":"fault-1"}`, right)
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"inject us-east-1 hang us-east-1a i-1", "inject us-east-1 impossible  ", "heal us-east-1 fault-1"}, w.called())
}

func TestALabInWhichNothingRunsBreaksNothing(t *testing.T) {
	w := start(t, overviewtest.Facts(), func(o *page.Options) { o.Faults = nil })
	status, answer, _ := ask(t, w, "POST", page.Root+"faults", `{}`, map[string]string{"X-Haven-Token": tokenOf(t, w), "Content-Type": "application/json"})
	assert.Equal(t, 503, status, answer)
	_, answer, _ = ask(t, w, "GET", page.Root+"faults", "", nil)
	assert.JSONEq(t, `{"choices":[]}`, answer)
}

func TestForeignSitesReadNoStream(t *testing.T) {
	w := start(t, overviewtest.Facts())
	status, _, got := ask(t, w, "GET", page.Root+"stream", "", map[string]string{"Sec-Fetch-Site": "cross-site"})
	assert.Equal(t, 403, status)
	assert.Empty(t, got.Get("Access-Control-Allow-Origin"))
}

func TestThePageMayUseNothingButItsOwnFiles(t *testing.T) {
	w := start(t, overviewtest.Facts())
	_, index, got := ask(t, w, "GET", page.Root, "", nil)
	policy := got.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
		assert.Contains(t, policy, part)
	}
	assert.NotContains(t, policy, "unsafe")
	assert.Equal(t, "nosniff", got.Get("X-Content-Type-Options"))
	assert.Equal(t, "no-store", got.Get("Cache-Control"), "the token is in it")
	assert.NotRegexp(t, `(src|href)="(https?:)?//`, index)
	for path, kind := range map[string]string{"page.css": "text/css", "js/main.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		_, text, got := ask(t, w, "GET", page.Root+path, "", nil)
		assert.Contains(t, got.Get("Content-Type"), kind)
		assert.NotRegexp(t, `innerHTML|insertAdjacentHTML|document\.write|eval\(`, text, "text is only ever set as text")
	}
}
