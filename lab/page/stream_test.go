package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/overview"
	"haven/lab/overview/overviewtest"
	"haven/lab/page"
	"haven/lab/timeline"
)

// message is one server-sent event.
type message struct{ id, name, data string }

// reader reads a stream.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	stop  context.CancelFunc
}

func listen(t *testing.T, w *world, query, lastID string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+page.Root+"stream"+query, nil)
	require.NoError(t, err)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := w.server.Client().Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { cancel(); response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &reader{t: t, lines: lines, stop: cancel}
}

// next returns the next message of a name; others are left out.
func (r *reader) next(name string) message {
	r.t.Helper()
	var m message
	for r.lines.Scan() {
		field, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch field {
		case "id":
			m.id = value
		case "event":
			m.name = value
		case "data":
			m.data = value
		case "":
			if m.name == name {
				return m
			}
			m = message{}
		}
	}
	require.NoError(r.t, r.lines.Err())
	r.t.Fatalf("the stream ended before there was %q", name)
	return m
}

type batch struct {
	Events []timeline.Event
	Missed bool
}

func (r *reader) events() (batch, string) {
	r.t.Helper()
	m := r.next("events")
	var b batch
	require.NoError(r.t, json.Unmarshal([]byte(m.data), &b))
	return b, m.id
}

func TestAStreamBeginsWithAllAndGoesOn(t *testing.T) {
	w := start(t, overviewtest.Facts())
	w.timeline.Add(timeline.Event{Region: "us-east-1", Subject: "i-1", Text: "before"})
	r := listen(t, w, "", "")
	var hello struct {
		Region string
		Faults bool
		Floor  int64
	}
	require.NoError(t, json.Unmarshal([]byte(r.next("hello").data), &hello))
	assert.Equal(t, "us-east-1", hello.Region)
	assert.True(t, hello.Faults)
	assert.Positive(t, hello.Floor)
	seen, _ := r.events()
	assert.Equal(t, "before", seen.Events[len(seen.Events)-1].Text)
	var picture overview.Picture
	require.NoError(t, json.Unmarshal([]byte(r.next("picture").data), &picture))
	assert.Len(t, picture.Zones, 3)

	w.timeline.Add(timeline.Event{Region: "us-east-1", Subject: "i-1", Text: "after"})
	seen, _ = r.events()
	assert.Equal(t, "after", seen.Events[0].Text)
	w.change(func(f *overview.Facts) { f.Nodes[0].Running = false })
	for picture.Zones[0].Balancer[0].Health != overview.Failing {
		require.NoError(t, json.Unmarshal([]byte(r.next("picture").data), &picture))
	}
}

func TestAReaderThatWasCutOffGoesOnWhereItWas(t *testing.T) {
	w := start(t, overviewtest.Facts())
	w.timeline.Add(timeline.Event{Text: "first"})
	r := listen(t, w, "", "")
	_, id := r.events()
	r.stop()
	for _, e := range []timeline.Event{{Text: "second"}, {Region: "us-east-2", Text: "elsewhere"}, {Region: "us-east-1", Text: "third"}} {
		w.timeline.Add(e)
	}
	seen, _ := listen(t, w, "", id).events()
	require.Len(t, seen.Events, 2)
	assert.Equal(t, []string{"second", "third"}, []string{seen.Events[0].Text, seen.Events[1].Text})
	assert.False(t, seen.Missed)
	seen, _ = listen(t, w, "?after="+id, "").events()
	assert.Equal(t, "second", seen.Events[0].Text)
	seen, _ = listen(t, w, "?region=us-east-2", "nonsense").events()
	assert.Equal(t, []string{"first", "second", "elsewhere"}, []string{seen.Events[0].Text, seen.Events[1].Text, seen.Events[2].Text})
}

func TestMoreEventsThanAReaderGetsAreSaidToBeMissed(t *testing.T) {
	w := start(t, overviewtest.Facts())
	w.timeline.Add(timeline.Event{Text: "long ago"})
	id := fmt.Sprint(w.timeline.Newest(1)[0].ID)
	for i := range 1000 {
		w.timeline.Add(timeline.Event{Text: fmt.Sprint(i)})
	}
	seen, _ := listen(t, w, "", id).events()
	assert.True(t, seen.Missed)
	assert.LessOrEqual(t, len(seen.Events), 200)
	assert.Equal(t, "999", seen.Events[len(seen.Events)-1].Text)
}

func TestAnIdleStreamBeats(t *testing.T) {
	w := start(t, overviewtest.Facts(), func(o *page.Options) { o.Heartbeat = 20 * time.Millisecond })
	r := listen(t, w, "", "")
	r.next("beat")
	r.next("beat")
}

// A reader that takes nothing holds up neither others nor what happens, and is let go.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	w := start(t, overviewtest.Facts(), func(o *page.Options) { o.Patience, o.Readers = 5*time.Second, 2 }) // a busy machine lets a quick one wait, too
	address := strings.TrimPrefix(w.server.URL, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(1024))
	_, err = fmt.Fprintf(conn, "GET %sstream HTTP/1.1\r\nHost: %s\r\n\r\n", page.Root, address)
	require.NoError(t, err)

	quick := listen(t, w, "", "")
	begun := time.Now()
	for i := range 20_000 { // much more than the kernel holds for the slow one
		w.timeline.Add(timeline.Event{Text: fmt.Sprint(i, " ", strings.Repeat("x", 400))})
	}
	assert.Less(t, time.Since(begun), time.Minute)
	for {
		seen, _ := quick.events()
		if strings.HasPrefix(seen.Events[len(seen.Events)-1].Text, "19999 ") {
			break
		}
	}
	require.Eventually(t, func() bool { // the slow one's place is free again
		w.timeline.Add(timeline.Event{Text: strings.Repeat("y", 400)})
		request, err := http.Get(w.server.URL + page.Root + "stream")
		if err != nil {
			return false
		}
		request.Body.Close()
		return request.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
}

func TestTooManyReadersAreRefused(t *testing.T) {
	w := start(t, overviewtest.Facts(), func(o *page.Options) { o.Readers = 1 })
	r := listen(t, w, "", "")
	r.next("picture")
	response, err := http.Get(w.server.URL + page.Root + "stream")
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

func TestManyReadersShareOnePictureAndLeaveNothingBehind(t *testing.T) {
	w := start(t, overviewtest.Facts(), func(o *page.Options) { o.Readers = 200 })
	before := runtime.NumGoroutine()
	var group sync.WaitGroup
	var readers []*reader
	for range 50 {
		readers = append(readers, listen(t, w, "", ""))
	}
	for _, r := range readers {
		group.Go(func() { r.next("picture"); r.next("picture") })
	}
	group.Wait()
	for _, r := range readers {
		r.stop()
	}
	w.server.Client().CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, time.Minute, 20*time.Millisecond,
		"there were %d goroutines before", before)
}
