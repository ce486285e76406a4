package balancer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/authority"
)

func TestTheApplicationsCookieDecidesWhoIsBound(t *testing.T) {
	w := newWorld(t)
	for name, address := range map[string]string{"one": "10.0.0.1", "two": "10.0.0.2"} {
		w.serve(name, address, func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				http.SetCookie(rw, &http.Cookie{Name: "session", Value: "s1"})
			}
			io.WriteString(rw, name)
		})
	}
	w.spec.Groups[0].Sticky = &Stickiness{AppCookie: "session", Duration: time.Hour}
	w.apply()
	w.healthy("one", "two")
	bound := func(r reply) string {
		for _, cookie := range r.header.Values("Set-Cookie") {
			if strings.HasPrefix(cookie, "AWSALBAPP-0=") {
				return strings.Split(cookie, ";")[0]
			}
		}
		return ""
	}
	require.Empty(t, bound(w.must(site+"/")), "an application that sets no cookie binds nobody")
	first := w.must(site + "/login")
	cookie := bound(first)
	require.NotEmpty(t, cookie)
	sends := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Cookie", value) }
	}
	for range 10 {
		again := w.must(site+"/", sends("session=s1; "+cookie))
		require.Equal(t, first.body, again.body)
		require.NotEmpty(t, bound(again), "a session that goes on is renewed")
	}
	seen := map[string]bool{}
	for range 10 {
		seen[w.must(site+"/", sends(cookie)).body] = true
	}
	require.Len(t, seen, 2, "the balancer's cookie without the application's binds nobody")
}

func TestAGroupOfHTTP2TakesNoOlderRequests(t *testing.T) {
	w := newWorld(t)
	versions := make(chan string, 10)
	ns := w.attach("one", "10.0.0.1")
	listener, err := ns.Listen(context.Background(), "tcp", "10.0.0.1:8080")
	require.NoError(t, err)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: &protocols, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			versions <- r.Proto
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	w.spec.Groups[0].HTTP2, w.spec.Groups[0].Check.HTTP2 = true, true
	w.spec.Groups[0].Targets = []Target{{ID: "one", Zone: "us-east-1a", Address: netip.MustParseAddr("10.0.0.1"), Port: 8080}}
	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	certificate, key, err := ca.Issue([]string{"www.example.com"}, nil)
	require.NoError(t, err)
	w.spec.Listeners = append(w.spec.Listeners, Listener{
		Port: 443, TLS: &TLS{"ELBSecurityPolicy-TLS13-1-2-2021-06", []Certificate{{PEM: append(certificate, key...)}}},
		Rules: w.spec.Listeners[0].Rules,
	})
	w.apply()
	w.healthy("one")

	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca.CertificatePEM()))
	secure := func(http2 bool) *http.Client {
		return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "www.example.com"},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return w.client.DialContext(ctx, network, nodeAddress+":443")
			},
		}}
	}
	got, err := w.get(secure(true), "https://www.example.com/")
	require.NoError(t, err)
	require.Equal(t, 200, got.status)
	require.Equal(t, "HTTP/2.0", <-versions)
	got, err = w.get(secure(false), "https://www.example.com/")
	require.NoError(t, err)
	require.Equal(t, 464, got.status, "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-464-issues")
	require.Equal(t, 464, w.must(site+"/").status)
	require.Empty(t, versions)
}
