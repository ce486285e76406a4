package balancer

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Entry is one request that a node handled, as metrics, access logs and connection logs need it. Those after Received
// are there only for balancers with Settings.Log.
type Entry struct {
	Balancer  string
	Interface string
	Zone      string

	Refused  bool // no request came out of it: TLS failed or the text was no HTTP
	Listener int
	Client   string    // address:port
	Status   int       // 460: the client left before the answer
	End      string    // HAProxy's termination state
	Time     time.Time // when the response was complete
	Begun    time.Time // when the request's header was there
	Received int64     // bytes
	Sent     int64

	Group    string        // Group.ID; empty: the request was not forwarded
	Server   string        // the target's name in HAProxy; empty: none was chosen
	Target   string        // its address:port
	Rule     string        // the matched rule's priority; "0": the default rule; empty: none was looked for
	Answered string        // the target's own status; empty: it gave none
	Waited   time.Duration // from the request's way to the target until its response header; -1: there was none
	Handed   time.Duration // from the request's header until it went to the target; -1: it did not

	Connection string // identifies the client's connection
	First      bool   // the first request of its connection
	Opened     time.Time
	Handshake  time.Duration
	Version    string // "1.1", "2.0"
	Method     string
	Authority  string
	Path       string
	Query      string
	Agent      string
	Trace      string
	Location   string // of a redirect
	Cipher     string
	Protocol   string // "TLSv1.3"
	SNI        string
	Resumed    bool   // the TLS session was an old one
	Failure    string // why it was refused
}

// field is one column of a node's log: HAProxy's expression and how its value is read.
type field struct {
	expression string
	read       func(e *Entry, value string)
}

// Columns of the log: those of every request, and those that only logs want.
var (
	measured = []field{
		{`%ci:%cp`, func(e *Entry, v string) { e.Client = v }},
		{`%ST`, func(e *Entry, v string) { e.Status, _ = strconv.Atoi(v) }},
		{`%ts`, func(e *Entry, v string) { e.End = v }},
		{`%[date(0,us)]`, func(e *Entry, v string) { e.Time = micros(v) }},
		{`%[var(txn.start)]`, func(e *Entry, v string) { e.Begun = micros(v) }},
		{`%U`, func(e *Entry, v string) { e.Received, _ = strconv.ParseInt(v, 10, 64) }},
		{`%B`, func(e *Entry, v string) { e.Sent, _ = strconv.ParseInt(v, 10, 64) }},
		{`%[var(txn.group)]`, func(e *Entry, v string) { e.Group = v }},
		{`%s`, func(e *Entry, v string) { e.Server = v }},
		{`%si:%sp`, func(e *Entry, v string) { e.Target = v }},
		{`%[var(txn.rule)]`, func(e *Entry, v string) { e.Rule = v }},
		{`%[var(txn.answered)]`, func(e *Entry, v string) { e.Answered = v }},
		{`%[var(txn.sent)]`, func(e *Entry, v string) { e.Handed = since(e.Begun, v) }},
		{`%Tc`, func(e *Entry, v string) { e.Waited = -millisecond(v) }}, // finished by the next one
		{`%[var(txn.got)]`, func(e *Entry, v string) { e.Waited = waited(*e, v) }},
	}
	described = []field{
		{`%[var(sess.connection)]`, func(e *Entry, v string) { e.Connection = v }},
		{`%[var(txn.first)]`, func(e *Entry, v string) { e.First = v == "1" }},
		{`%[var(sess.opened)]`, func(e *Entry, v string) { e.Opened = micros(v) }},
		{`%Th`, func(e *Entry, v string) { e.Handshake = millisecond(v) }},
		{`%[var(txn.version)]`, func(e *Entry, v string) { e.Version = v }},
		{text("var(txn.method)"), func(e *Entry, v string) { e.Method = v }},
		{text("var(txn.authority)"), func(e *Entry, v string) { e.Authority = plain(v) }},
		{text("var(txn.path)"), func(e *Entry, v string) { e.Path = plain(v) }},
		{text("var(txn.query)"), func(e *Entry, v string) { e.Query = plain(v) }},
		{text("var(txn.agent)"), func(e *Entry, v string) { e.Agent = plain(v) }},
		{text("var(txn.trace)"), func(e *Entry, v string) { e.Trace = plain(v) }},
		{text("var(txn.location)"), func(e *Entry, v string) { e.Location = plain(v) }},
	}
	secured = []field{
		{`%[ssl_fc_cipher]`, func(e *Entry, v string) { e.Cipher = v }},
		{`%[ssl_fc_protocol]`, func(e *Entry, v string) { e.Protocol = v }},
		{text("ssl_fc_sni"), func(e *Entry, v string) { e.SNI = plain(v) }},
		{`%[ssl_fc_is_resumed]`, func(e *Entry, v string) { e.Resumed = v == "1" }},
	}
	refused = []field{
		{`%ci:%cp`, func(e *Entry, v string) { e.Client = v }},
		{`%ST`, func(e *Entry, v string) { e.Status, _ = strconv.Atoi(v) }},
		{`%[date(0,us)]`, func(e *Entry, v string) { e.Time = micros(v); e.Begun = e.Time }},
		{`%U`, func(e *Entry, v string) { e.Received, _ = strconv.ParseInt(v, 10, 64) }},
		{`%B`, func(e *Entry, v string) { e.Sent, _ = strconv.ParseInt(v, 10, 64) }},
		{`%[var(sess.connection)]`, func(e *Entry, v string) { e.Connection = v }},
		{`%[var(sess.opened)]`, func(e *Entry, v string) { e.Opened = micros(v) }},
		{text("fc_err_str"), func(e *Entry, v string) { e.Failure = plain(v) }},
	}
)

// Kinds of lines.
const (
	kindMeasured = "M" // measured alone
	kindLogged   = "L" // and described
	kindSecured  = "S" // and secured
	kindRefused  = "R"
)

func text(expression string) string { return "%[" + expression + ",json(utf8s)]" }

func columns(kind string) []field {
	switch kind {
	case kindMeasured:
		return measured
	case kindLogged:
		return append(measured[:len(measured):len(measured)], described...)
	case kindSecured:
		return append(append(measured[:len(measured):len(measured)], described...), secured...)
	case kindRefused:
		return refused
	}
	return nil
}

// logFormat is HAProxy's log format for one kind of line.
func logFormat(kind string, port int) string {
	words := []string{kind, strconv.Itoa(port)}
	for _, column := range columns(kind) {
		words = append(words, column.expression)
	}
	return strings.Join(words, "\t")
}

// requestKind is the kind of line that a listener writes for its requests.
func requestKind(settings Settings, listener Listener) string {
	switch {
	case !settings.Log:
		return kindMeasured
	case listener.TLS == nil:
		return kindLogged
	}
	return kindSecured
}

// parseEntry reads one log line; lines that are none of ours are not ok.
func parseEntry(line string) (entry Entry, ok bool) {
	values := strings.Split(line, "\t")
	wanted := columns(values[0])
	if wanted == nil || len(values) != len(wanted)+2 {
		return Entry{}, false
	}
	entry.Refused = values[0] == kindRefused
	entry.Listener, _ = strconv.Atoi(values[1])
	for i, column := range wanted {
		if value := values[i+2]; value != "-" { // HAProxy's word for nothing
			column.read(&entry, value)
		} else {
			column.read(&entry, "")
		}
	}
	if entry.Server == "<NOSRV>" {
		entry.Server = ""
	}
	if entry.Server == "" {
		entry.Target = ""
	}
	if strings.HasPrefix(entry.End, "C") && entry.Answered == "" && entry.Group != "" && entry.Status == 400 {
		entry.Status = statusClientLeft
	}
	return entry, true
}

// statusClientLeft is what a balancer notes of a client that closed its connection before the answer.
const statusClientLeft = 460

func micros(value string) time.Time {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(number).UTC()
}

func millisecond(value string) time.Duration {
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil || number < 0 {
		return 0
	}
	return time.Duration(number) * time.Millisecond
}

// since is the time between two moments; -1 when one of them never was.
func since(from time.Time, value string) time.Duration {
	until := micros(value)
	if from.IsZero() || until.IsZero() {
		return -1
	}
	return max(0, until.Sub(from))
}

// waited is how long the target took, without the connection to it, of which HAProxy knows whole milliseconds.
func waited(e Entry, got string) time.Duration {
	if e.Handed < 0 {
		return -1
	}
	total := since(e.Begun.Add(e.Handed), got)
	if total < 0 {
		return -1
	}
	return max(0, total+e.Waited)
}

// plain undoes the escapes of HAProxy's converter json.
func plain(value string) string {
	if !strings.Contains(value, `\`) {
		return value
	}
	var decoded string
	if json.Unmarshal([]byte(`"`+value+`"`), &decoded) != nil {
		return value
	}
	return decoded
}
