package balancer

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Names are what a log line calls things by.
type Names struct {
	Balancer    string // "app/<name>/<id>"
	Host        string // the balancer's DNS name, for requests that name no host
	Group       string // the target group's ARN; empty: none
	Certificate string // the presented certificate's ARN; empty: none
	Known       bool   // the certificate is for the name that the client asked for
}

// Kind is the type that an access log gives the request: "http", "https", "h2", "ws" or "wss".
func (e Entry) Kind() string {
	switch {
	case e.Answered == "101" && e.Protocol == "":
		return "ws"
	case e.Answered == "101":
		return "wss"
	case e.Protocol == "":
		return "http"
	case strings.HasPrefix(e.Version, "2"):
		return "h2"
	}
	return "https"
}

// Action is what the balancer did with the request: "forward", "redirect", "fixed-response" or "" for nothing.
func (e Entry) Action() string {
	switch {
	case e.Rule == "":
		return ""
	case e.Group != "":
		return "forward"
	case e.Location != "" || e.Status == 301 || e.Status == 302:
		return "redirect"
	}
	return "fixed-response"
}

// AccessLine writes the entry as a line of an access log, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html defines it.
func (e Entry) AccessLine(names Names) string {
	kind, times := e.Kind(), [3]string{"-1", "-1", "-1"}
	if e.Answered != "" && e.Waited >= 0 && e.Handed >= 0 {
		times = [3]string{seconds(e.Handed), seconds(e.Waited), seconds(0)}
	}
	at := e.Time
	if e.Answered != "" && e.Answered != "101" && e.Waited >= 0 && e.Handed >= 0 {
		at = e.Begun.Add(e.Handed + e.Waited)
	}
	domain := ""
	if names.Known {
		domain = e.SNI
	}
	certificate := names.Certificate
	if e.Resumed {
		certificate = "session-reused"
	}
	return strings.Join([]string{
		kind, stamp(at), names.Balancer, e.Client, orDash(e.Target), times[0], times[1], times[2],
		strconv.Itoa(e.Status), orDash(e.Answered), strconv.FormatInt(e.Received, 10), strconv.FormatInt(e.Sent, 10),
		quoted(e.request(names.Host)), quoted(cut(e.Agent, 8<<10)), orDash(e.Cipher), orDash(e.Protocol), orDash(names.Group),
		quoted(e.Trace), quoted(domain), quoted(certificate), orDash(e.Rule), stamp(e.Begun), quoted(e.Action()), quoted(e.Location), quoted(""),
		quoted(e.Target), quoted(e.Answered), quoted(""), quoted(""), e.connectionID(), quoted(""), quoted(""), quoted(""),
	}, " ")
}

// request is the request line as the logs have it: with the whole URL.
func (e Entry) request(host string) string {
	scheme := "http"
	if e.Protocol != "" {
		scheme = "https"
	}
	if e.Authority != "" {
		host = e.Authority
	}
	if !strings.Contains(host, ":") {
		host += ":" + strconv.Itoa(e.Listener)
	}
	if e.Method == "" {
		return fmt.Sprintf("- %s://%s- -", scheme, host)
	}
	url := e.Path
	if e.Query != "" {
		url += "?" + e.Query
	}
	return fmt.Sprintf("%s %s://%s%s HTTP/%s", e.Method, scheme, host, url, e.Version)
}

// ConnectionLine writes the entry's connection as a line of a connection log, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-connection-logs.html defines it.
func (e Entry) ConnectionLine() string {
	address, port, _ := strings.Cut(e.Client, ":")
	handshake, outcome := "-", "Success"
	if e.Protocol != "" {
		handshake = seconds(e.Handshake)
	}
	if e.Refused && e.Status == 0 {
		outcome = "Failed:UnmappedConnectionError"
	}
	return strings.Join([]string{
		stamp(e.Opened), address, port, strconv.Itoa(e.Listener), orDash(e.Protocol), orDash(e.Cipher), handshake,
		quoted(""), "-", "-", outcome, e.connectionID(),
	}, " ")
}

func (e Entry) connectionID() string {
	if e.Connection == "" {
		return "-"
	}
	return "TID_" + e.Connection
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

func orDash(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

func cut(value string, most int) string { return value[:min(len(value), most)] }

func quoted(value string) string { return `"` + strings.ReplaceAll(orDash(value), `"`, `\x22`) + `"` }
