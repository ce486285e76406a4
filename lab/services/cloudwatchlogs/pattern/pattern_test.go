package pattern_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/cloudwatchlogs/pattern"
)

const (
	request = `127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html?a=b HTTP/1.0" 404 1534`
	event   = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","latency":0.75,"arrayKey":["value","another value"],"on":true,"off":false,
		"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","deep":{"er":{"status":503}}}`
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, line string
		want          bool
	}{
		{"", "anything", true},
		{"ERROR", "[ERROR 400] BAD", true},
		{"error", "[ERROR 400] BAD", false},
		{"ERROR BAD", "[ERROR 400] BAD", true},
		{"ERROR GOOD", "[ERROR 400] BAD", false},
		{`"ERROR 400"`, "[ERROR 400] BAD", true},
		{`"400 ERROR"`, "[ERROR 400] BAD", false},
		{"?WARN ?ERROR", "[ERROR 400] BAD", true},
		{"?WARN ?INFO", "[ERROR 400] BAD", false},
		{"ERROR -BAD", "[ERROR 400] BAD", false},
		{`ERROR -"bad luck"`, "[ERROR 400] BAD", true},
		{`%ERROR \d{3}%`, "[ERROR 400] BAD", true},
		{`%ERROR \d{4}%`, "[ERROR 400] BAD", false},

		{`{ $.eventType = "UpdateTrail" }`, event, true},
		{`{$.eventType="UpdateTrail"}`, event, true},
		{`{ $.eventType = UpdateTrail }`, event, true},
		{`{ $.eventType != UpdateTrail }`, event, false},
		{`{ $.sourceIPAddress != 123.123.* }`, event, true},
		{`{ $.sourceIPAddress = "111.*" }`, event, true},
		{`{ $.sourceIPAddress = %^111\.1{3}% }`, event, true},
		{`{ $.arrayKey[0] = "value" }`, event, true},
		{`{ $.arrayKey[*] = "another*" }`, event, true},
		{`{ $.arrayKey[2] = "value" }`, event, false},
		{`{ $.objectList[1].id = 2 }`, event, true},
		{`{ $.objectList[*].id > 2 }`, event, false},
		{`{ $.SomeObject IS NULL }`, event, true},
		{`{ $.SomeOtherObject NOT EXISTS }`, event, true},
		{`{ $.on IS TRUE && $.off IS FALSE }`, event, true},
		{`{ $.latency >= 0.75 }`, event, true},
		{`{ $.latency < 0.75 || $.deep.er.status = 5* }`, event, true},
		{`{ ($.latency < 1 || $.on IS FALSE) && $.eventType = x }`, event, false},
		{`{ $.latency < 1 || $.on IS FALSE && $.eventType = x }`, event, true}, // && binds closer
		{`{ $.['cluster.name'] = "c" }`, event, true},
		{`{ $.missing != "x" }`, event, false},
		{`{ $.a = 1 }`, "no json", false},

		{`[ip, user, username, timestamp, request, status_code, bytes]`, request, true},
		{`[ip, user, username, timestamp, request, status_code]`, request, false},
		{`[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]`, request, true},
		{`[ip, user, username, timestamp, request, status_code = 4*, bytes > 2000]`, request, false},
		{`[..., status_code = 404 || status_code = 410, bytes]`, request, true},
		{`[ip = 127.*, ...]`, request, true},
		{`[w1 != "127.0.0.1" && w1 != x, ...]`, request, false},
		{`[ip, ..., bytes <= 1534]`, request, true},
		{`[, , username = frank, ...]`, request, true},
	} {
		parsed, err := pattern.Parse(c.pattern)
		require.NoError(t, err, c.pattern)
		_, got := parsed.Match(c.line)
		assert.Equal(t, c.want, got, "%s on %s", c.pattern, c.line)
	}
}

func TestFieldsAreTaken(t *testing.T) {
	for _, c := range []struct{ pattern, line, reference, want string }{
		{`{ $.latency = * }`, event, "$.latency", "0.75"},
		{`{ $.latency > 0 }`, event, "$.objectList[1].name", "b"},
		{`[ip, ..., status, bytes]`, request, "$bytes", "1534"},
		{`[ip, ..., request, status, bytes]`, request, "$request", "GET /index.html?a=b HTTP/1.0"},
	} {
		parsed, err := pattern.Parse(c.pattern)
		require.NoError(t, err, c.pattern)
		match, ok := parsed.Match(c.line)
		require.True(t, ok, c.pattern)
		got, _ := match.Field(c.reference)
		assert.Equal(t, c.want, got)
		assert.True(t, parsed.Knows(c.reference))
		assert.False(t, parsed.Knows("missing"))
	}
}

func TestBadPatternsAreRefused(t *testing.T) {
	for _, text := range []string{
		`"open`, `%open`, `%(%`, `{ $.a = 1`, `{ $.a }`, `{ a = 1 }`, `{ $.a = }`, `{ $.a > x }`, `{ $.a IS 1 }`, `{ ($.a = 1 }`, `{ $.a = 1 $.b = 2 }`,
		`{ $.a ~ 1 }`, `{}`, `[a, a]`, `[a, ..., b, ...]`, `[a = ]`, `[a = 1 || b = 2]`, `[a`, `[1a]`,
	} {
		_, err := pattern.Parse(text)
		assert.Error(t, err, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{ ($.a[*].b = %x+% || $.c IS NOT NULL) && $.d > 1 }`, event)
	f.Add(`[a, ..., b = 4* && b != 404, c > 1]`, request)
	f.Add(`ERROR "a b" ?x -y %z%`, "ERROR a b x")
	f.Fuzz(func(t *testing.T, text, line string) {
		if parsed, err := pattern.Parse(text); err == nil {
			if match, ok := parsed.Match(line); ok {
				match.Field("$.a")
				match.Field("$b")
			}
		}
	})
}
