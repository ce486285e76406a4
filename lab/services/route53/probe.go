package route53

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Internet is where health checkers are: outside of every VPC.
type Internet interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Limits of a probe
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html).
const (
	connectWithin    = 4 * time.Second // HTTP and HTTPS
	connectTCPWithin = 10 * time.Second
	answerWithin     = 2 * time.Second // after the connection
	bodyWithin       = 2 * time.Second // after the status
	searched         = 5120            // bytes of a body
)

// probe sends one request and returns what a checker reports, or why the endpoint failed.
func (s *Service) probe(ctx context.Context, id string, config types.HealthCheckConfig) (report string, err error) {
	address, err := s.target(config)
	if err != nil {
		return "", err
	}
	limit := connectWithin
	if config.Type == types.HealthCheckTypeTcp {
		limit = connectTCPWithin
	}
	within, cancel := context.WithTimeout(ctx, limit)
	conn, err := s.internet.DialContext(within, "tcp4", address)
	cancel()
	if err != nil {
		return "", connectFailure(err)
	}
	defer conn.Close()
	if config.Type == types.HealthCheckTypeTcp {
		return "TCP connection established", nil
	}
	return ask(ctx, conn, id, config)
}

func connectFailure(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("Connection timed out. The endpoint did not respond to the connection request in time")
	}
	return fmt.Errorf("Connection failed: %w", errors.Unwrap(unwrapped(err)))
}

// unwrapped makes sure that there is something to unwrap.
func unwrapped(err error) error {
	var operation *net.OpError
	if errors.As(err, &operation) {
		return operation
	}
	return fmt.Errorf("%w", err)
}

// target returns the address to probe: names are resolved anew for each probe.
func (s *Service) target(config types.HealthCheckConfig) (string, error) {
	port := strconv.Itoa(int(aws.ToInt32(config.Port)))
	if config.IPAddress != nil {
		return net.JoinHostPort(*config.IPAddress, port), nil
	}
	found := s.lookup(aws.ToString(config.FullyQualifiedDomainName))
	if len(found) == 0 {
		return "", fmt.Errorf("DNS resolution failed: there is no address of %s", aws.ToString(config.FullyQualifiedDomainName))
	}
	return net.JoinHostPort(found[0], port), nil
}

// ask sends a request on a connection. TLS certificates are not verified.
func ask(ctx context.Context, conn net.Conn, id string, config types.HealthCheckConfig) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return "", err
	}
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	scheme := "http"
	if isTLS(config.Type) {
		scheme = "https"
		transport.DialTLSContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return handshake(ctx, conn, config) }
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+hostHeader(config)+path(config), nil)
	if err != nil {
		return "", fmt.Errorf("The request can't be made: %w", err)
	}
	request.Header.Set("User-Agent", "Amazon-Route53-Health-Check-Service (ref "+id+"; report http://amzn.to/1vsZADi)")
	request.Header.Set("Accept", "*/*")
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("The endpoint did not answer: %w", err)
	}
	defer response.Body.Close()
	status := fmt.Sprintf("HTTP Status Code %d, %s", response.StatusCode, http.StatusText(response.StatusCode))
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return "", errors.New(status)
	}
	if !matchesString(config.Type) {
		return status, nil
	}
	if err := conn.SetDeadline(time.Now().Add(bodyWithin)); err != nil {
		return "", err
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, searched)) // what came in time is searched
	if !bytes.Contains(body, []byte(aws.ToString(config.SearchString))) {
		return "", errors.New(status + ". The response body did not contain the search string in its first 5120 bytes")
	}
	return status + ". Search string found", nil
}

func handshake(ctx context.Context, conn net.Conn, config types.HealthCheckConfig) (net.Conn, error) {
	settings := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} // as Route 53, which does not verify
	if aws.ToBool(config.EnableSNI) {
		settings.ServerName = aws.ToString(config.FullyQualifiedDomainName)
	}
	secured := tls.Client(conn, settings)
	return secured, secured.HandshakeContext(ctx)
}

// hostHeader is the domain name or else the address, with the port unless it is the usual one.
func hostHeader(config types.HealthCheckConfig) string {
	host := aws.ToString(config.FullyQualifiedDomainName)
	if host == "" {
		host = aws.ToString(config.IPAddress)
	}
	port := aws.ToInt32(config.Port)
	if port == 443 && isTLS(config.Type) || port == 80 && !isTLS(config.Type) {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func path(config types.HealthCheckConfig) string {
	path := aws.ToString(config.ResourcePath)
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	return path
}
