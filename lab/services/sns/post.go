package sns

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// postTimeout is how long an endpoint has to answer.
const postTimeout = 15 * time.Second

// ErrOutside is why an endpoint elsewhere is not connected to.
var ErrOutside = errors.New("the endpoint is not on this machine: the lab delivers to loopback and to its own network only")

// labRanges are the addresses that the lab gives out to the public side of its networks.
var labRanges = []netip.Prefix{
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("203.0.113.0/24"),
}

// reachable tells whether an address can be on this machine.
func reachable(address netip.Addr) bool {
	return address.Unmap().IsLoopback() || InLab(address)
}

// InLab tells whether an address is one of the lab's public ones, or of its world outside.
func InLab(address netip.Addr) bool {
	address = address.Unmap()
	for _, own := range labRanges {
		if own.Contains(address) {
			return true
		}
	}
	return false
}

// DialLoopback connects to addresses on loopback, and to "localhost", only.
func DialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("connecting to %s: %w", address, ErrOutside)
	}
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(host, port))
}

// post sends a message to an HTTP endpoint.
func (s *Service) post(ctx context.Context, one *subscription, t *topic, m message) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	request, err := s.request(ctx, one, t, m)
	if err != nil {
		return fmt.Errorf("%w (%w)", err, errPermanent)
	}
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: s.dial, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if errors.Is(err, ErrOutside) {
		return fmt.Errorf("%w (%w)", err, errPermanent)
	}
	if err != nil {
		return fmt.Errorf("posting to %s: %w", one.Endpoint, err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // what it says is not asked for
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("posting to %s: it answered %s", one.Endpoint, answer.Status)
	}
	return fmt.Errorf("posting to %s: it answered %s (%w)", one.Endpoint, answer.Status, errPermanent)
}

// request makes the POST with AWS's headers
// (https://docs.aws.amazon.com/sns/latest/dg/http-header.html).
func (s *Service) request(ctx context.Context, one *subscription, t *topic, m message) (*http.Request, error) {
	effective, err := one.delivery(t)
	if err != nil {
		return nil, err
	}
	raw := one.Attributes["RawMessageDelivery"] == "true" && m.Kind == notification
	body := s.envelope(one, m)
	if raw {
		body = []byte(m.Text)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, one.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("posting to %s: %w", one.Endpoint, err)
	}
	contentType := effective.ContentType
	if contentType == "" {
		contentType = "text/plain; charset=UTF-8"
	}
	for name, value := range map[string]string{
		"x-amz-sns-message-type": m.Kind, "x-amz-sns-message-id": m.ID, "x-amz-sns-topic-arn": one.topicARN(),
		"Content-Type": contentType, "User-Agent": "Amazon Simple Notification Service Agent",
	} {
		request.Header.Set(name, value)
	}
	if m.Kind != confirmation {
		request.Header.Set("x-amz-sns-subscription-arn", one.arn())
	}
	if raw {
		request.Header.Set("x-amz-sns-rawdelivery", "true")
	}
	return request, nil
}
