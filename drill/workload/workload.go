package workload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"haven/drill/history"
)

// Rates are how many operations of each kind begin in a second.
type Rates map[history.Kind]float64

// mostAtOnce bounds the requests under way: an environment that answers nothing must not pile them up without end. A
// request that finds no place is recorded as failed, since a client of the real world would have waited in vain, too.
const mostAtOnce = 400

// mostLate bounds what is made up for after this machine was too busy to ask in time: less, and the rate would fall as soon as there is
// much to do; more, and what was missed would all be asked at once.
const mostLate = time.Second

// fileSize is how large written files are, in bytes.
const fileSize = 4 << 10

// Workload asks at constant rates until it is stopped.
type Workload struct {
	site     Site
	recorder *history.Recorder
	clients  []*client
	places   chan struct{}
	seed     uint64

	stop context.CancelFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	files []string // acknowledged at least once
}

// Start begins to ask. The seed decides the order of nodes and files; the same seed gives the same requests.
func Start(ctx context.Context, site Site, rates Rates, seed uint64, recorder *history.Recorder) (*Workload, error) {
	if err := site.Validate(); err != nil {
		return nil, fmt.Errorf("starting the workload: %w", err)
	}
	w := &Workload{site: site, recorder: recorder, places: make(chan struct{}, mostAtOnce), seed: seed}
	for _, node := range site.Nodes {
		w.clients = append(w.clients, site.newClient(node))
	}
	ctx, w.stop = context.WithCancel(ctx)
	for number, kind := range []history.Kind{history.Look, history.Append, history.List, history.Put, history.Get} {
		if rates[kind] > 0 {
			w.all.Go(func() { w.ask(ctx, kind, rates[kind], rand.New(rand.NewPCG(seed, uint64(number)))) })
		}
	}
	return w, nil
}

// End ends the load and waits for the requests that are under way.
func (w *Workload) End() {
	w.stop()
	w.all.Wait()
}

// Stop ends the load and reads everything back: the whole ledger and each file, each until it succeeds or the context ends.
func (w *Workload) Stop(ctx context.Context) {
	w.End()
	w.readBack(ctx, operation{kind: history.List})
	for _, name := range w.acknowledged() {
		w.readBack(ctx, operation{kind: history.Get, key: name})
	}
}

func (w *Workload) acknowledged() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.files...)
}

func (w *Workload) readBack(ctx context.Context, o operation) {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		if w.record(ctx, w.clients[attempt%len(w.clients)], o, 0).Outcome == history.OK {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// ask begins operations of a kind at a constant rate, whether or not those before have ended.
func (w *Workload) ask(ctx context.Context, kind history.Kind, rate float64, random *rand.Rand) {
	every := time.Duration(float64(time.Second) / rate)
	begun := time.Now()
	for number := 0; ; number++ {
		late := time.Since(begun.Add(time.Duration(number+1) * every))
		select {
		case <-ctx.Done():
			return
		case <-time.After(-late):
		}
		if late > mostLate {
			begun = begun.Add(late)
		}
		o, ok := w.next(kind, number, random)
		if !ok {
			continue
		}
		through := w.clients[random.IntN(len(w.clients))]
		select {
		case w.places <- struct{}{}:
			// What was begun is ended: a stopped workload knows the outcome of all its requests.
			w.all.Go(func() {
				defer func() { <-w.places }()
				w.record(context.WithoutCancel(ctx), through, o, number)
			})
		default:
			at := w.recorder.Now()
			w.recorder.Add(history.Operation{Kind: kind, Node: through.node.Zone, Start: at, End: at, Outcome: history.Failed, Key: o.key, Error: "too many requests were waiting"})
		}
	}
}

// next makes up the next operation of a kind; a file can only be read once one has been written.
func (w *Workload) next(kind history.Kind, number int, random *rand.Rand) (operation, bool) {
	switch kind {
	case history.Append:
		return operation{kind: kind, key: fmt.Sprintf("%x-%d", w.seed, number)}, true
	case history.Put:
		name := fmt.Sprintf("file-%d", random.IntN(50))
		return operation{kind: kind, key: name, body: strings.Repeat(fmt.Sprintf("%x-%d ", w.seed, number), fileSize/16)}, true
	case history.Get:
		files := w.acknowledged()
		if len(files) == 0 {
			return operation{}, false
		}
		return operation{kind: kind, key: files[random.IntN(len(files))]}, true
	}
	return operation{kind: kind}, true
}

func (w *Workload) record(ctx context.Context, c *client, o operation, number int) history.Operation {
	start := w.recorder.Now()
	done := c.do(ctx, o)
	done.Client, done.Start, done.End = number, start, w.recorder.Now()
	w.recorder.Add(done)
	if o.kind == history.Put && done.Outcome == history.OK {
		w.remember(o.key)
	}
	return done
}

func (w *Workload) remember(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, known := range w.files {
		if known == name {
			return
		}
	}
	w.files = append(w.files, name)
}
