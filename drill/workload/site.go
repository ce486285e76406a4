package workload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Node is one way in: a balancer's node in a zone.
type Node struct {
	Zone    string
	Address string // host:port; empty: wherever the site's name leads
}

// Site is what the workload asks for.
type Site struct {
	URL    string         // such as https://www.example.com
	Roots  *x509.CertPool // nil: the system's
	Nodes  []Node         // at least one
	Tenant string         // whose ledger and files are used; the drill's own
	// Timeout bounds one request; what takes longer ends failed or unknown.
	Timeout time.Duration
}

// Validate tells everything that is wrong with a site.
func (s Site) Validate() error {
	var problems []error
	parsed, err := url.Parse(s.URL)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" {
		problems = append(problems, fmt.Errorf("the site's URL %q is not http(s)://name", s.URL))
	}
	if len(s.Nodes) == 0 {
		problems = append(problems, errors.New("the site has no balancer node to go through"))
	}
	if s.Tenant == "" {
		problems = append(problems, errors.New("the workload needs a tenant of its own"))
	}
	if s.Timeout <= 0 {
		problems = append(problems, errors.New("requests need a timeout"))
	}
	return errors.Join(problems...)
}

// client sends requests through one node.
type client struct {
	site Site
	node Node
	http *http.Client
}

// newClient opens a connection for each request: a balancer that a client holds on to is not what fails over.
func (s Site) newClient(node Node) *client {
	dialer := &net.Dialer{}
	return &client{s, node, &http.Client{Timeout: s.Timeout, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.Roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if node.Address != "" {
				address = node.Address
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}}
}

// answer is what came back.
type answer struct {
	status       int
	server, zone string
	digest       string
	body         []byte
}

func (c *client) send(ctx context.Context, method, path, body string, header map[string]string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.site.URL, "/")+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return answer{
		response.StatusCode, response.Header.Get("X-Haven-Instance"), response.Header.Get("X-Haven-Zone"), response.Header.Get("X-Haven-Sha256"), raw,
	}, err
}

// refusal is what the application says of a request that it could not do.
type refusal struct {
	Error   string `json:"error"`
	Outcome string `json:"outcome"`
}

// explain returns the application's words, or the beginning of whatever else was answered.
func (a answer) explain() refusal {
	var said refusal
	if json.Unmarshal(a.body, &said) != nil || said.Error == "" {
		said.Error = fmt.Sprintf("%.80s", strings.Join(strings.Fields(string(a.body)), " "))
	}
	said.Error = fmt.Sprintf("status %d: %s", a.status, said.Error)
	return said
}
