package balancer

import (
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/lab/authority"
)

var update = flag.Bool("update", false, "write the golden files anew")

func target(id, zone, address string) Target {
	return Target{ID: id, Zone: zone, Address: netip.MustParseAddr(address), Port: 8080}
}

func check() HealthCheck {
	return HealthCheck{Protocol: "HTTP", Path: "/ready", Matcher: "200", Interval: 5 * time.Second, Timeout: 3 * time.Second, Healthy: 2, Unhealthy: 2}
}

func forwardTo(ids ...string) Action {
	var groups []WeightedGroup
	for i, id := range ids {
		groups = append(groups, WeightedGroup{id, i + 1})
	}
	return Action{Forward: &Forward{Groups: groups}}
}

// full is a spec that uses everything.
func full(certificate []byte) Spec {
	return Spec{
		Interface: "eni-1", Balancer: "arn:lb", Zone: "us-east-1a", Address: netip.MustParseAddr("10.0.0.10"),
		Settings: Settings{IdleTimeout: time.Minute, HTTP2: true, DropInvalidHeaders: true, ForwardedFor: "append", TLSHeaders: true, Log: true},
		Listeners: []Listener{
			{Port: 80, Rules: []Rule{{Action: Action{Redirect: &Redirect{Protocol: "HTTPS", Host: "#{host}", Port: "443", Path: "/#{path}", Query: "#{query}", Status: 301}}}}},
			{
				Port: 443, TLS: &TLS{Policy: "ELBSecurityPolicy-TLS13-1-2-2021-06", Certificates: []Certificate{{PEM: certificate}}},
				HideServer: true, ResponseHeaders: map[string]string{"Strict-Transport-Security": "max-age=1; 100%"},
				Rules: []Rule{
					{Priority: 1, Conditions: []Condition{{Field: FieldPath, Values: []string{"/api/*", "/v?"}}, {Field: FieldHost, Values: []string{"*.example.com"}}}, Action: forwardTo("aa", "bb")},
					{Priority: 2, Conditions: []Condition{{Field: FieldQuery, Query: []KeyValue{{"version", "v1"}, {"", "*it's*"}}}}, Action: Action{Fixed: &FixedResponse{Status: 418, ContentType: "text/plain", Body: "it's\nfixed"}}},
					{Priority: 3, Conditions: []Condition{{Field: FieldMethod, Values: []string{"PURGE"}}, {Field: FieldSourceIP, Values: []string{"10.0.0.0/8", "2001:db8::/32"}}, {Field: FieldHeader, Header: "X-Kind", Values: []string{"a b*"}}}, Action: Action{Forward: &Forward{Groups: []WeightedGroup{{"aa", 0}, {"bb", 5}}, Sticky: time.Hour}}},
					{Action: forwardTo("aa")},
				},
			},
		},
		Groups: []Group{
			{ID: "aa", Protocol: "HTTP", Algorithm: LeastOutstanding, CrossZone: true, Check: check(), MinHealthyPercent: 50, Sticky: &Stickiness{Duration: time.Hour},
				Targets: []Target{target("i-1", "us-east-1a", "10.0.1.1"), target("i-2", "us-east-1b", "10.0.1.2"), target("i-3", "us-east-1c", "10.0.1.3")}},
			{ID: "bb", Protocol: "HTTPS", HTTP2: true, Algorithm: RoundRobin, SlowStart: time.Minute, Check: check(), Sticky: &Stickiness{AppCookie: "session", Duration: time.Hour},
				Targets: []Target{target("i-1", "us-east-1a", "10.0.1.1"), target("i-2", "us-east-1b", "10.0.1.2")}},
		},
	}
}

func TestConfigIsWhatWasReviewed(t *testing.T) {
	text, err := Config(full([]byte("certificate")))
	require.NoError(t, err)
	golden := filepath.Join("testdata", "full.cfg")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// accepted runs HAProxy's own check over a spec's configuration.
func accepted(t interface {
	Fatalf(string, ...any)
}, dir string, spec Spec) {
	text, err := Config(spec)
	if err != nil {
		t.Fatalf("configuring: %v", err)
	}
	for name, content := range Files(spec) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, configFile), []byte(withGeneration(text, "g")), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	cmd := exec.Command("haproxy", "-c", "-f", configFile)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Fatalf("HAProxy says: %s\n%s", out, text)
	}
}

func needHAProxy(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("haproxy is not installed; type: scripts/setup")
	}
}

func certificate(t *testing.T, names ...string) []byte {
	t.Helper()
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	cert, key, err := ca.Issue(names, nil)
	require.NoError(t, err)
	return append(cert, key...)
}

func TestHAProxyAcceptsEverythingAtOnce(t *testing.T) {
	needHAProxy(t)
	accepted(t, t.TempDir(), full(certificate(t, "www.example.com")))
}

func TestHAProxyAcceptsEveryPolicy(t *testing.T) {
	needHAProxy(t)
	pem := certificate(t, "www.example.com")
	spec := full(pem)
	spec.Listeners = nil
	for i, policy := range Policies() {
		spec.Listeners = append(spec.Listeners, Listener{Port: 1000 + i, TLS: &TLS{policy.Name, []Certificate{{PEM: pem}}}, Rules: []Rule{{Action: forwardTo("aa")}}})
	}
	accepted(t, t.TempDir(), spec)
}

// TestNoTextEscapesItsPlace writes arbitrary user text everywhere that the API lets it be: HAProxy must accept the
// configuration, and its sections must be exactly those of a tame one.
func TestNoTextEscapesItsPlace(t *testing.T) {
	needHAProxy(t)
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune(`ab/*?.'"\ #$%{}[]()|&;=<>!,:~^+-`)), 1, 24, -1)
		value := func(label string) string { return text.Draw(t, label) }
		spec := full(nil)
		spec.Listeners = []Listener{{Port: 80, ResponseHeaders: map[string]string{"X-One": value("header")}, Rules: []Rule{
			{Priority: 1, Conditions: []Condition{
				{Field: FieldHost, Values: []string{value("host")}}, {Field: FieldPath, Values: []string{value("path")}},
				{Field: FieldHeader, Header: "X-A", Values: []string{value("header value")}},
				{Field: FieldQuery, Query: []KeyValue{{value("key"), value("value")}}},
			}, Action: Action{Redirect: &Redirect{Protocol: "HTTPS", Host: value("to host"), Port: "443", Path: "/" + value("to path"), Query: value("to query"), Status: 302}}},
			{Action: Action{Fixed: &FixedResponse{Status: 200, ContentType: "text/plain", Body: value("body")}}},
		}}}
		accepted(t, dir, spec)
		config, err := Config(spec)
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(config, "\nfrontend "))
		require.Equal(t, 5, strings.Count(config, "\nbackend "), "two a group, and the table of clients")
	})
}

func TestConfigRefusesWhatItCouldNotWrite(t *testing.T) {
	for name, breakIt := range map[string]func(*Spec){
		"control character":  func(s *Spec) { s.Listeners[1].Rules[0].Conditions[0].Values[0] = "/a\nbackend evil" },
		"header injection":   func(s *Spec) { s.Listeners[1].ResponseHeaders["X"] = "a\r\nSet-Cookie: b" },
		"unknown group":      func(s *Spec) { s.Listeners[1].Rules[0].Action = forwardTo("zz") },
		"unknown policy":     func(s *Spec) { s.Listeners[1].TLS.Policy = "none" },
		"no certificate":     func(s *Spec) { s.Listeners[1].TLS.Certificates = nil },
		"no address":         func(s *Spec) { s.Address = netip.Addr{} },
		"odd target":         func(s *Spec) { s.Groups[0].Targets[0].ID = "i 1" },
		"bad source":         func(s *Spec) { s.Listeners[1].Rules[2].Conditions[1].Values[0] = "everywhere" },
		"no action":          func(s *Spec) { s.Listeners[0].Rules[0].Action = Action{} },
		"unknown condition":  func(s *Spec) { s.Listeners[1].Rules[0].Conditions[0].Field = "mood" },
		"odd cookie":         func(s *Spec) { s.Groups[1].Sticky.AppCookie = "a) b" },
		"odd condition name": func(s *Spec) { s.Listeners[1].Rules[2].Conditions[2].Header = "a) b" },
	} {
		t.Run(name, func(t *testing.T) {
			spec := full([]byte("c"))
			breakIt(&spec)
			_, err := Config(spec)
			require.Error(t, err)
		})
	}
}

func TestHealthAndDrainingReloadNothingButTargetsAndRulesDo(t *testing.T) {
	base, err := structure(full([]byte("c")))
	require.NoError(t, err)
	same := full([]byte("c"))
	same.Groups[1].Targets[0].InService = true
	same.Groups[1].Targets[1].Draining = true
	got, err := structure(same)
	require.NoError(t, err)
	require.Equal(t, base, got)

	for name, change := range map[string]func(*Spec){
		"target": func(s *Spec) {
			s.Groups[1].Targets = append(s.Groups[1].Targets, target("i-9", "us-east-1a", "10.0.1.9"))
		},
		"rule":        func(s *Spec) { s.Listeners[1].Rules[1].Action.Fixed.Body = "other" },
		"certificate": func(s *Spec) { s.Listeners[1].TLS.Certificates[0].PEM = []byte("other") },
		"new address": func(s *Spec) { s.Groups[0].Targets[0].Address = netip.MustParseAddr("10.0.1.77") },
		"percentage":  func(s *Spec) { s.Groups[0].Targets[0].Draining = true }, // 50 % of two is another minimum than of three
	} {
		changed := full([]byte("c"))
		change(&changed)
		got, err := structure(changed)
		require.NoError(t, err)
		require.NotEqual(t, base, got, name)
	}
}

func TestWithoutCrossZoneOnlyTheOwnZoneIsUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := full([]byte("c"))
		spec.Zone = rapid.SampledFrom([]string{"us-east-1a", "us-east-1b", "us-east-1c"}).Draw(t, "zone")
		for _, target := range spec.Groups[1].Reachable(spec.Zone) {
			require.Equal(t, spec.Zone, target.Zone)
		}
		require.Len(t, spec.Groups[0].Reachable(spec.Zone), 3)
	})
}
