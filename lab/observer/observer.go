package observer

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"haven/lab/overview"
	"haven/lab/timeline"
	"haven/lab/traffic"
)

// Options are what an Observer needs.
type Options struct {
	Regions []string
	// Look returns the picture of a region as it is now; closely when somebody looks on.
	Look func(ctx context.Context, region string, closely bool) (overview.Picture, error)
	// History returns a region's finished seconds after a Unix time, oldest first.
	History  func(region string, after int64) []traffic.Point
	Timeline *timeline.Recorder
	// Changed gets a token when the declared state has changed; nil: only the clock tells.
	Changed <-chan struct{}
	Log     *slog.Logger

	Close time.Duration // between two looks while somebody looks on; 0: 1 s
	Far   time.Duration // while nobody does; 0: 3 s
}

const (
	standardClose = time.Second
	standardFar   = 3 * time.Second
	closePause    = 250 * time.Millisecond // between two looks, whatever happens
	farPause      = time.Second            // while nobody looks on
	lookLimit     = 10 * time.Second
)

// Shot is a region's newest picture.
type Shot struct {
	Number  uint64 // rises with each
	Picture overview.Picture
	JSON    []byte // of the picture
	Err     error  // why this picture is old
}

// Observer keeps a Shot of each region.
type Observer struct {
	options Options

	mu      sync.Mutex
	shots   map[string]Shot
	number  uint64
	lookers map[chan struct{}]string // regions
	near    chan struct{}            // somebody came to look

	said map[string]string // what went wrong last, by region; Run's own
}

// New returns an Observer that has seen nothing yet.
func New(options Options) *Observer {
	if options.Close == 0 {
		options.Close = standardClose
	}
	if options.Far == 0 {
		options.Far = standardFar
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	return &Observer{
		options: options, shots: map[string]Shot{}, lookers: map[chan struct{}]string{}, near: make(chan struct{}, 1), said: map[string]string{},
	}
}

// Run looks until the context ends.
func (o *Observer) Run(ctx context.Context) error {
	happened, stop := o.options.Timeline.Watch()
	defer stop()
	for {
		began := time.Now()
		for _, region := range o.options.Regions {
			o.look(ctx, region)
		}
		if !o.pause(ctx, began, happened) {
			return nil
		}
	}
}

// pause waits until it is time to look again; false: the context ended. An event hastens only those who look on: the
// Observer's own events would otherwise keep it going.
func (o *Observer) pause(ctx context.Context, began time.Time, happened <-chan struct{}) bool {
	wait, least := o.options.Far, farPause
	if o.watched("") {
		wait, least = o.options.Close, closePause
	} else {
		happened = nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	case <-o.options.Changed:
	case <-o.near:
		least = 0
	case <-happened:
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(least - min(time.Since(began), least)):
		return true
	}
}

func (o *Observer) look(ctx context.Context, region string) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	looked := time.Now()
	picture, err := o.options.Look(ctx, region, o.watched(region))
	if ctx.Err() != nil && err != nil {
		return
	}
	o.complain(region, err)
	before, known := o.Shot(region)
	if err != nil {
		o.keep(region, Shot{Picture: before.Picture, JSON: before.JSON, Err: err})
		return
	}
	if known && before.Picture.Region != "" {
		o.tell(before.Picture, picture, looked)
	}
	shot := Shot{Picture: picture}
	if o.watched(region) {
		shot.JSON, shot.Err = json.Marshal(picture)
	}
	o.keep(region, shot)
}

// complain says once what keeps it from seeing a region.
func (o *Observer) complain(region string, err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said != "" && said != o.said[region] {
		o.options.Log.Error("looking at a region", "region", region, "error", err)
	}
	o.said[region] = said
}

// tell adds what changed to the timeline, unless the service concerned has just said so itself.
func (o *Observer) tell(before, after overview.Picture, looked time.Time) {
	since := before.Time
	if looked.Sub(since) > o.options.Far {
		since = looked.Add(-o.options.Far)
	}
	for _, event := range overview.Changes(before, after) {
		if !o.options.Timeline.Mentions(event.Subject, since) {
			o.options.Timeline.Add(event)
		}
	}
}

func (o *Observer) keep(region string, shot Shot) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.number++
	shot.Number = o.number
	o.shots[region] = shot
	for wake, wanted := range o.lookers {
		if wanted == region {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}

// Shot returns the newest picture of a region; false: it has not been looked at yet.
func (o *Observer) Shot(region string) (Shot, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	shot, ok := o.shots[region]
	return shot, ok
}

// History returns a region's finished seconds after a Unix time, oldest first.
func (o *Observer) History(region string, after int64) []traffic.Point {
	return o.options.History(region, after)
}

// Regions returns the regions in which there is something; without any, the first of all.
func (o *Observer) Regions() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var used []string
	for _, region := range o.options.Regions {
		if shot, ok := o.shots[region]; ok && !shot.Picture.Empty {
			used = append(used, region)
		}
	}
	if len(used) == 0 {
		used = o.options.Regions[:1:1]
	}
	return used
}

// LookOn has a region looked at closely. The channel gets a token for each new picture; tokens coalesce. Call stop when
// done.
func (o *Observer) LookOn(region string) (wake <-chan struct{}, stop func()) {
	channel := make(chan struct{}, 1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lookers[channel] = region
	select {
	case o.near <- struct{}{}:
	default:
	}
	return channel, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.lookers, channel)
	}
}

// watched tells whether somebody looks on; at any region for the empty name.
func (o *Observer) watched(region string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, wanted := range o.lookers {
		if region == "" || wanted == region {
			return true
		}
	}
	return false
}
