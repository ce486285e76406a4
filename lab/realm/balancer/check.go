package balancer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Verdict is what a node thinks of a target.
type Verdict string

// Verdicts of a node's checker.
const (
	VerdictInitial   Verdict = "initial" // not enough checks yet
	VerdictHealthy   Verdict = "healthy"
	VerdictUnhealthy Verdict = "unhealthy"
)

// Reason tells why a target is not healthy, by AWS's reason codes
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html).
type Reason string

// Reasons of failed checks.
const (
	ReasonNone     Reason = ""
	ReasonTimeout  Reason = "Target.Timeout"
	ReasonMismatch Reason = "Target.ResponseCodeMismatch"
	ReasonFailed   Reason = "Target.FailedHealthChecks"
)

// outcome is the result of one health check.
type outcome struct {
	reason Reason
	status int // of a mismatch
}

// judge is the state of one target's checks: pure, advanced by one outcome at a time.
type judge struct {
	healthy, unhealthy int // thresholds
	verdict            Verdict
	streak             int // consecutive outcomes that speak against the verdict
	last               outcome
}

func newJudge(check HealthCheck) judge {
	return judge{healthy: check.Healthy, unhealthy: check.Unhealthy, verdict: VerdictInitial}
}

// after returns the state after one more outcome. A new target is healthy after a single success: "After your target
// is registered, it must pass one health check to be considered healthy"
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
func (j judge) after(o outcome) judge {
	j.last = o
	passed := o.reason == ReasonNone
	against := passed != (j.verdict == VerdictHealthy)
	if j.verdict == VerdictInitial {
		against = !passed
		if passed {
			j.verdict, j.streak = VerdictHealthy, 0
			return j
		}
	}
	if !against {
		j.streak = 0
		return j
	}
	j.streak++
	switch {
	case passed && j.streak >= j.healthy:
		j.verdict, j.streak = VerdictHealthy, 0
	case !passed && j.streak >= j.unhealthy:
		j.verdict, j.streak = VerdictUnhealthy, 0
	}
	return j
}

// matches reports whether a status is one that the matcher, such as "200-299,301", names.
func matches(matcher string, status int) bool {
	for part := range strings.SplitSeq(matcher, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 == nil && err2 == nil && from <= status && status <= to {
			return true
		}
	}
	return false
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// prober sends health checks over connections of their own, as AWS closes each after its check.
type prober struct{ dial dialer }

// client returns a client for one request over the connection.
func client(conn net.Conn, check HealthCheck) *http.Client {
	versions := &http.Protocols{}
	versions.SetHTTP1(!check.HTTP2)
	versions.SetHTTP2(check.HTTP2)
	versions.SetUnencryptedHTTP2(check.HTTP2)
	return &http.Client{
		Transport: &http.Transport{
			Protocols:         versions,
			DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // AWS does not verify a target's certificate either
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// probe makes one health check.
func (p prober) probe(ctx context.Context, check HealthCheck, target Target) outcome {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	port := target.Port
	if check.Port != 0 {
		port = check.Port
	}
	address := netip.AddrPortFrom(target.Address, uint16(port)).String()
	// Dialled here, not by the client: that one would go on dialling after the check has given up.
	conn, err := p.dial(ctx, "tcp", address)
	if err != nil {
		return outcome{reason: failure(err)}
	}
	defer conn.Close()
	url := fmt.Sprintf("%s://%s%s", strings.ToLower(check.Protocol), address, check.Path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return outcome{reason: ReasonFailed}
	}
	request.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	response, err := client(conn, check).Do(request)
	if err != nil {
		return outcome{reason: failure(err)}
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 1<<16) // a body that breaks off says nothing about the status
	if !matches(check.Matcher, response.StatusCode) {
		return outcome{reason: ReasonMismatch, status: response.StatusCode}
	}
	return outcome{}
}

func failure(err error) Reason {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return ReasonTimeout
	}
	return ReasonFailed
}

// watch probes one target on its interval until the context ends; a check's duration does not move the next one.
func (p prober) watch(ctx context.Context, check HealthCheck, target Target, report func(outcome)) {
	ticker := time.NewTicker(check.Interval)
	defer ticker.Stop()
	for {
		result := p.probe(ctx, check, target)
		if ctx.Err() != nil {
			return
		}
		report(result)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
