package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// site is the environment as a client outside sees it, through one balancer node.
type site struct {
	url    string
	client *http.Client
}

// through returns the site through a balancer node's loopback address, over TLS that has to verify.
func (c *clone) through(siteURL, address string) site {
	c.t.Helper()
	ca, err := os.ReadFile(filepath.Join(c.dir, ".haven", "lab", "ca.pem"))
	require.NoError(c.t, err)
	pool := x509.NewCertPool()
	require.True(c.t, pool.AppendCertsFromPEM(ca))
	parsed, err := url.Parse(siteURL)
	require.NoError(c.t, err)
	return site{siteURL, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: parsed.Hostname()},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, "443"))
		},
	}}}
}

type answer struct {
	status int
	server string // the instance that answered
	body   string
}

func (s site) ask(method, path, body string) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header.Get("X-Haven-Instance"), string(raw)}, err
}

func (s site) must(t *testing.T, method, path, body string, status int) answer {
	t.Helper()
	a, err := s.ask(method, path, body)
	require.NoError(t, err)
	require.Equal(t, status, a.status, a.body)
	return a
}

// elsewhere asks until another server than the given one answers.
func (s site) elsewhere(t *testing.T, path, server string) answer {
	t.Helper()
	for range 50 {
		if a := s.must(t, http.MethodGet, path, "", http.StatusOK); a.server != server {
			return a
		}
	}
	t.Fatalf("no other server than %s answered in 50 requests", server)
	return answer{}
}

// load asks for a path without pause until it is stopped, and counts what went wrong.
type load struct {
	asked, failed atomic.Int64
	first         atomic.Value
	stop, stopped chan struct{}
}

func (s site) load(path string) *load {
	l := &load{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(l.stopped)
		for {
			select {
			case <-l.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			a, err := s.ask(http.MethodGet, path, "")
			l.asked.Add(1)
			if err != nil || a.status != http.StatusOK {
				l.failed.Add(1)
				l.first.CompareAndSwap(nil, fmt.Sprint(time.Now().Format(time.TimeOnly), " ", a.status, " ", err))
			}
		}
	}()
	return l
}

func (l *load) end() (asked, failed int64, first any) {
	close(l.stop)
	<-l.stopped
	return l.asked.Load(), l.failed.Load(), l.first.Load()
}
