package balancer

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestANewTargetIsHealthyAfterOnePass(t *testing.T) {
	j := newJudge(HealthCheck{Healthy: 5, Unhealthy: 2})
	require.Equal(t, VerdictInitial, j.verdict)
	j = j.after(outcome{reason: ReasonFailed})
	require.Equal(t, VerdictInitial, j.verdict, "one failure is not yet the threshold")
	j = j.after(outcome{})
	require.Equal(t, VerdictHealthy, j.verdict)
}

func TestThresholdsCountConsecutiveOutcomes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		check := HealthCheck{Healthy: rapid.IntRange(2, 10).Draw(t, "healthy"), Unhealthy: rapid.IntRange(2, 10).Draw(t, "unhealthy")}
		j := newJudge(check)
		passes, fails, everPassed := 0, 0, false
		for _, passed := range rapid.SliceOf(rapid.Bool()).Draw(t, "outcomes") {
			before := j.verdict
			if passed {
				passes, fails = passes+1, 0
				j = j.after(outcome{})
			} else {
				passes, fails = 0, fails+1
				j = j.after(outcome{reason: ReasonTimeout})
			}
			switch {
			case before != VerdictHealthy && j.verdict == VerdictHealthy:
				require.True(t, passes >= check.Healthy || before == VerdictInitial)
			case before != VerdictUnhealthy && j.verdict == VerdictUnhealthy:
				require.GreaterOrEqual(t, fails, check.Unhealthy)
			case before == VerdictHealthy:
				require.Less(t, fails, check.Unhealthy)
			case before == VerdictUnhealthy:
				require.Less(t, passes, check.Healthy)
			}
			everPassed = everPassed || passed
			if j.verdict == VerdictHealthy {
				require.True(t, everPassed)
			}
		}
	})
}

func TestMatcher(t *testing.T) {
	for _, c := range []struct {
		matcher string
		status  int
		want    bool
	}{
		{"200", 200, true}, {"200", 201, false}, {"200-299", 204, true}, {"200-299,301", 301, true},
		{"200-299,301", 302, false}, {"200,202", 202, true}, {"200, 202", 202, true}, {"", 200, false}, {"abc", 200, false},
	} {
		require.Equal(t, c.want, matches(c.matcher, c.status), "%s %d", c.matcher, c.status)
	}
}

func TestProbeTellsKindsOfFailureApart(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-release
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/agent":
			if r.UserAgent() != "ELB-HealthChecker/2.0" {
				w.WriteHeader(http.StatusForbidden)
			}
		}
	}))
	defer server.Close()
	defer close(release)
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	target := Target{Address: address.Addr(), Port: int(address.Port())}
	prober := prober{(&net.Dialer{}).DialContext}
	probe := func(path string, port int) outcome {
		return prober.probe(context.Background(), HealthCheck{Protocol: "HTTP", Path: path, Matcher: "200", Timeout: 300 * time.Millisecond, Port: port}, target)
	}
	require.Equal(t, outcome{}, probe("/agent?x=1", 0))
	require.Equal(t, outcome{reason: ReasonMismatch, status: 418}, probe("/teapot", 0))
	require.Equal(t, outcome{reason: ReasonMismatch, status: 302}, probe("/redirect", 0), "a redirect is not followed")
	require.Equal(t, outcome{reason: ReasonTimeout}, probe("/slow", 0))
	require.Equal(t, outcome{reason: ReasonFailed}, probe("/ok", 1), "nothing listens there")
}

func TestProbeSpeaksTheGroupsVersion(t *testing.T) {
	for _, secure := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				w.WriteHeader(http.StatusHTTPVersionNotSupported)
			}
		}))
		server.EnableHTTP2 = true
		server.Config.Protocols = &http.Protocols{}
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetHTTP2(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		check := HealthCheck{Protocol: "HTTP", Path: "/", Matcher: "200", Timeout: 2 * time.Second, HTTP2: true}
		if secure {
			check.Protocol = "HTTPS"
			server.StartTLS()
		} else {
			server.Start()
		}
		address := netip.MustParseAddrPort(server.Listener.Addr().String())
		target := Target{Address: address.Addr(), Port: int(address.Port())}
		prober := prober{(&net.Dialer{}).DialContext}
		require.Equal(t, outcome{}, prober.probe(context.Background(), check, target))
		check.HTTP2 = false
		require.Equal(t, outcome{reason: ReasonMismatch, status: 505}, prober.probe(context.Background(), check, target))
		server.Close()
	}
}
