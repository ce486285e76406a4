package timeline

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Severity tells how much an event matters to whoever runs the environment.
type Severity string

// Severities. Whatever is none of them counts as Info.
const (
	Info     Severity = "info"     // something went on as it should
	Good     Severity = "good"     // what was lost is back
	Warning  Severity = "warning"  // redundancy is lost, or somebody broke something on purpose
	Critical Severity = "critical" // something is down
)

// Event is one thing that happened.
type Event struct {
	// ID is given by the Recorder. It rises with each event, also over restarts, and is a time in microseconds.
	ID       int64     `json:"id"`
	Time     time.Time `json:"time"`           // zero: now
	Region   string    `json:"region"`         // empty: the whole lab
	Zone     string    `json:"zone,omitempty"` // such as "us-east-1a"; empty: none in particular
	Source   string    `json:"source"`         // who tells: the service's package, such as "rds"
	Subject  string    `json:"subject"`        // what it is about: an id or a name, as the API has it
	Text     string    `json:"text"`           // a sentence without the subject, such as "is healthy"
	Severity Severity  `json:"severity"`       // empty: Info
}

// Hook takes an event. It never blocks, and may be called from any goroutine.
type Hook func(Event)

const (
	mostText    = 500 // runes
	mostSubject = 200
)

// tidy bounds an event's texts and takes out of them what is no text, so that one event is one line everywhere.
func (e Event) tidy() Event {
	e.Text, e.Subject = clean(e.Text, mostText), clean(e.Subject, mostSubject)
	e.Source, e.Zone, e.Region = clean(e.Source, mostSubject), clean(e.Zone, mostSubject), clean(e.Region, mostSubject)
	switch e.Severity {
	case Info, Good, Warning, Critical:
	default:
		e.Severity = Info
	}
	return e
}

func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	return text
}
