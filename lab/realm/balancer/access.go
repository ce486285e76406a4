package balancer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Entry is one request that a node handled, as it is needed for access logs and metrics.
type Entry struct {
	Balancer  string    `json:"-"`
	Interface string    `json:"-"`
	Time      time.Time `json:"-"` // when the response was complete

	Kind      string `json:"kind"` // "http", "https" or "h2"
	Listener  int    `json:"listener"`
	Client    string `json:"client"`
	Group     string `json:"group"`  // Group.ID; empty: no target was chosen
	Server    string `json:"server"` // the target's name in HAProxy; see TargetKey
	TargetIP  string `json:"target_ip"`
	Rule      string `json:"rule"` // the matched rule's priority; "0": the default rule; empty: none was looked for
	Status    int    `json:"status"`
	Answered  string `json:"answered"` // the target's own status; empty: it gave none
	Request   int    `json:"request"`  // milliseconds from the client's first byte to the whole request
	Connect   int    `json:"connect"`
	Response  int    `json:"response"` // to the target's response header
	Transfer  int    `json:"transfer"`
	Received  int64  `json:"received"` // bytes
	Sent      int64  `json:"sent"`
	Method    string `json:"method"`
	Authority string `json:"authority"`
	Path      string `json:"path"`
	Query     string `json:"query"`
	Version   string `json:"version"`
	Agent     string `json:"agent"`
	Trace     string `json:"trace"`
	Cipher    string `json:"cipher"`
	Protocol  string `json:"protocol"`
	SNI       string `json:"sni"`
	End       string `json:"end"` // HAProxy's termination state
}

// accessFormat is HAProxy's log format that gives one Entry as JSON.
func accessFormat(listener Listener) string {
	text := func(expression string) string { return `"%[` + expression + `,json(utf8s)]"` }
	tls := func(name string) string {
		if listener.TLS == nil {
			return `""`
		}
		return text(name)
	}
	fields := []string{
		`"listener":` + strconv.Itoa(listener.Port), `"client":"%ci:%cp"`, `"group":` + text("var(txn.group)"),
		`"server":"%s"`, `"target_ip":"%si:%sp"`, `"rule":"%[var(txn.rule)]"`, `"status":%ST`, `"answered":` + text("var(txn.answered)"),
		`"request":%TR`, `"connect":%Tc`, `"response":%Tr`, `"transfer":%Td`, `"received":%U`, `"sent":%B`,
		`"method":` + text("var(txn.method)"), `"authority":` + text("var(txn.authority)"), `"path":` + text("var(txn.path)"), `"query":` + text("var(txn.query)"),
		`"version":"%HV"`, `"agent":` + text("var(txn.agent)"), `"trace":` + text("var(txn.trace)"),
		`"cipher":` + tls("ssl_fc_cipher"), `"protocol":` + tls("ssl_fc_protocol"), `"sni":` + tls("ssl_fc_sni"), `"end":"%ts"`,
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// parseEntry reads one log line; lines that are no access entries are not ok.
func parseEntry(line []byte) (entry Entry, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return Entry{}, false
	}
	if err := json.Unmarshal(line, &entry); err != nil {
		return Entry{}, false
	}
	for _, field := range []*string{&entry.Group, &entry.Rule, &entry.Answered, &entry.Method, &entry.Authority, &entry.Path, &entry.Query,
		&entry.Agent, &entry.Trace, &entry.Cipher, &entry.Protocol, &entry.SNI} {
		if *field == "-" { // HAProxy's word for nothing
			*field = ""
		}
	}
	switch {
	case entry.Protocol == "":
		entry.Kind = "http"
	case strings.HasPrefix(entry.Version, "HTTP/2"):
		entry.Kind = "h2"
	default:
		entry.Kind = "https"
	}
	return entry, true
}

// Line writes the entry as a line of an access log, as
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html defines it.
// name is the balancer's "app/<name>/<id>"; group and certificate are ARNs, empty when there is none.
func (e Entry) Line(name, group, certificate string) string {
	target, targetStatus := "-", orDash(e.Answered)
	if e.TargetIP != "" && !strings.HasPrefix(e.TargetIP, "-") && e.Group != "" {
		target = e.TargetIP
	}
	scheme := "http"
	if e.Kind != "http" {
		scheme = "https"
	}
	url := e.Path
	if e.Query != "" {
		url += "?" + e.Query
	}
	created := e.Time.Add(-time.Duration(max(e.Request, 0)+max(e.Connect, 0)+max(e.Response, 0)+max(e.Transfer, 0)) * time.Millisecond)
	action := "forward"
	if e.Group == "" {
		action = "fixed-response"
		if e.Status == 301 || e.Status == 302 {
			action = "redirect"
		}
	}
	return strings.Join([]string{
		e.Kind, stamp(e.Time), name, e.Client, target,
		seconds(e.Request, e.Connect), seconds(e.Response), seconds(e.Transfer),
		strconv.Itoa(e.Status), targetStatus, strconv.FormatInt(e.Received, 10), strconv.FormatInt(e.Sent, 10),
		quoted(fmt.Sprintf("%s %s://%s%s %s", e.Method, scheme, e.destination(), url, e.Version)), quoted(e.Agent),
		orDash(e.Cipher), orDash(e.Protocol), orDash(group), quoted(e.Trace), quoted(e.SNI), quoted(certificate),
		orDash(e.Rule), stamp(created), quoted(action), quoted("-"), quoted("-"),
		quoted(target), quoted(targetStatus), quoted("-"), quoted("-"),
	}, " ")
}

// destination is the host and port that the client asked for.
func (e Entry) destination() string {
	if strings.Contains(e.Authority, ":") {
		return e.Authority
	}
	return e.Authority + ":" + strconv.Itoa(e.Listener)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// seconds adds up phases; -1 means that one of them was not reached.
func seconds(phases ...int) string {
	total := 0
	for _, phase := range phases {
		if phase < 0 {
			return "-1"
		}
		total += phase
	}
	return fmt.Sprintf("%d.%03d", total/1000, total%1000)
}

func orDash(value string) string {
	if value == "" {
		return "-"
	}
	return value
}

func quoted(value string) string { return `"` + strings.ReplaceAll(orDash(value), `"`, `\x22`) + `"` }
