package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"haven/lab/cloud"
	"haven/lab/timeline"
)

// firstEvents is how many of the newest events a new reader gets.
const firstEvents = 200

// stream is one reader's server-sent events. What it has not read yet is held nowhere but in the connection: each time
// it takes more, it gets what is new by then. A picture replaces the one before; only events have ids, by which a
// reader that was cut off goes on.
type stream struct {
	page   *Page
	region string
	w      http.ResponseWriter
	flush  *http.ResponseController

	shot   uint64 // the last picture's number
	second int64  // the last point's
	event  int64  // the last event's id
	stale  string // what was last said to be wrong
}

func (p *Page) serveStream(w http.ResponseWriter, r *http.Request) {
	if foreign(r) {
		refuse(w, http.StatusForbidden, "the request comes from another site")
		return
	}
	region, ok := p.regionOf(w, r)
	if !ok {
		return
	}
	select {
	case p.readers <- struct{}{}:
		defer func() { <-p.readers }()
	default:
		refuse(w, http.StatusServiceUnavailable, "too many pages are open; close some")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	s := &stream{page: p, region: region, w: w, flush: http.NewResponseController(w)}
	resume := r.Header.Get("Last-Event-ID")
	if resume == "" {
		resume = r.URL.Query().Get("after")
	}
	if id, err := strconv.ParseInt(resume, 10, 64); err == nil && id > 0 {
		s.event = id
	}
	s.run(r)
}

func (s *stream) run(r *http.Request) {
	pictures, stopPictures := s.page.options.Observer.LookOn(s.region)
	defer stopPictures()
	events, stopEvents := s.page.options.Timeline.Watch()
	defer stopEvents()
	beat := time.NewTicker(s.page.options.Heartbeat)
	defer beat.Stop()
	next := s.first()
	for {
		if len(next) > 0 && !s.send(next) {
			return
		}
		next = nil
		select {
		case <-r.Context().Done():
			return
		case <-pictures:
			next = s.news()
		case <-events:
			next = s.events()
		case <-beat.C:
			next = []byte("event: beat\ndata: 0\n\n") // no comment: the page must hear it, to tell silence from a loss
		}
	}
}

// send gives up on a reader that takes nothing for too long.
func (s *stream) send(text []byte) bool {
	if err := s.flush.SetWriteDeadline(time.Now().Add(s.page.options.Patience)); err != nil {
		return false
	}
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.flush.Flush() == nil
}

type hello struct {
	Started time.Time `json:"started"`
	Regions []string  `json:"regions"`
	Region  string    `json:"region"`
	Faults  bool      `json:"faults"` // they can be injected
	Floor   int64     `json:"floor"`  // the id of the oldest event that is held
}

func (s *stream) first() []byte {
	options := s.page.options
	greeting := hello{Started: options.Started, Regions: options.Observer.Regions(), Region: s.region, Faults: options.Faults != nil}
	if held := options.Timeline.Newest(1 << 20); len(held) > 0 {
		greeting.Floor = held[0].ID
	}
	if !slices.Contains(greeting.Regions, s.region) {
		greeting.Regions = append(greeting.Regions, s.region)
	}
	var b bytes.Buffer
	b.WriteString("retry: 1000\n\n")
	message(&b, "hello", 0, greeting)
	b.Write(s.events())
	b.Write(s.news())
	return b.Bytes()
}

// news returns the newest picture and the seconds since the last one.
func (s *stream) news() []byte {
	var b bytes.Buffer
	if points := s.page.options.Observer.History(s.region, s.second); len(points) > 0 {
		s.second = points[len(points)-1].Second
		message(&b, "points", 0, points)
	}
	shot, ok := s.page.options.Observer.Shot(s.region)
	if !ok {
		return b.Bytes()
	}
	if len(shot.JSON) > 0 && shot.Number != s.shot && shot.Err == nil {
		s.shot = shot.Number
		fmt.Fprintf(&b, "event: picture\ndata: %s\n\n", shot.JSON)
	}
	stale := ""
	if shot.Err != nil {
		stale = shot.Err.Error()
	}
	if stale != s.stale {
		s.stale = stale
		message(&b, "stale", 0, stale)
	}
	return b.Bytes()
}

// events returns what happened since the last time, here or in the lab as a whole.
func (s *stream) events() []byte {
	recent, missed := s.page.options.Timeline.After(s.event, firstEvents)
	if len(recent) == 0 {
		return nil
	}
	s.event = recent[len(recent)-1].ID
	recent = slices.DeleteFunc(recent, func(e timeline.Event) bool { return e.Region != "" && e.Region != s.region && e.Region != cloud.Global })
	var b bytes.Buffer
	message(&b, "events", s.event, map[string]any{"events": recent, "missed": missed})
	return b.Bytes()
}

// message appends one server-sent event. JSON has no line breaks of its own, so one line of data holds it.
func message(b *bytes.Buffer, name string, id int64, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		return // plain data always encodes
	}
	if id > 0 {
		fmt.Fprintf(b, "id: %d\n", id)
	}
	fmt.Fprintf(b, "event: %s\ndata: %s\n\n", name, raw)
}
