package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"haven/lab/authority"
	"haven/lab/cloud"
	"haven/lab/control"
	"haven/lab/daemon"
	"haven/lab/observer"
	"haven/lab/realm/vpc"
	"haven/lab/timeline"
	"haven/lab/traffic"
	"haven/lab/wire"
)

// Config tells where the lab lives.
type Config struct {
	Dir     string // of its state
	Address string // loopback address and port of the API
}

const (
	storeFile    = "store.db"
	journalFile  = "calls.jsonl"
	timelineFile = "timeline.jsonl"
	metricsFile  = "metrics.db"
	mailFolder   = "mailbox"
	// slowClient bounds how long a client may take to send a request's head.
	slowClient  = 10 * time.Second
	maximumHead = 64 << 10
)

// Serve runs the lab until the context ends. It returns an error when it could not start, naming what is in the way.
func Serve(ctx context.Context, config Config) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	address, err := checkAddress(config.Address)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(config.Dir, 0o711); err != nil {
		return fmt.Errorf("making the lab's folder: %w", err)
	}
	store, err := cloud.Open(filepath.Join(config.Dir, storeFile))
	if err != nil {
		return err
	}
	defer store.Close()
	ca, err := authority.Open(config.Dir)
	if err != nil {
		return err
	}
	api, err := listen(ctx, address)
	if err != nil {
		return err
	}
	defer api.Close()
	door, err := control.Listen(config.Dir)
	if err != nil {
		return err
	}
	defer door.Close()

	l := &lab{config: config, log: log, store: store, authority: ca, started: time.Now(), names: vpc.NewNames(), traffic: &traffic.Meter{}}
	ctx, l.stop = context.WithCancel(ctx)
	defer l.stop()
	return l.run(ctx, api, door)
}

// lab is the running whole.
type lab struct {
	config    Config
	log       *slog.Logger
	store     *cloud.Store
	authority *authority.Authority
	started   time.Time
	names     namesTable
	timeline  *timeline.Recorder // its method Add is the services' timeline.Hook
	traffic   *traffic.Meter
	stop      context.CancelFunc

	realm    *realm // nil: nothing can run here; grounded tells why
	grounded error
	services *services
	forwards *forwards
	viewer   *viewer
	observer *observer.Observer
}

func (l *lab) run(ctx context.Context, api, socket net.Listener) error {
	journal, err := openJournal(filepath.Join(l.config.Dir, journalFile))
	if err != nil {
		return err
	}
	defer journal.Close()
	if l.timeline, err = timeline.Open(filepath.Join(l.config.Dir, timelineFile), l.log); err != nil {
		return err
	}
	defer l.timeline.Close()
	handler := &lateHandler{}
	if l.realm, l.grounded = openRealm(l, handler); l.grounded != nil {
		l.log.Warn("nothing can run in the lab; its API answers", "why", l.grounded)
	}
	defer l.realm.close()
	if l.services, err = newServices(l); err != nil {
		return err
	}
	defer l.services.metrics.Close()
	if _, err := l.services.faults.Pass(ctx); err != nil { // before anything boots into a zone without power
		l.log.Error("having the lab follow its faults", "error", err)
	}
	server, err := wire.NewServer(wire.Options{
		Authenticator: l.services.iam, Authorizer: l.services.iam, OnCall: journal.record, Log: l.log,
	}, l.services.byName())
	if err != nil {
		return fmt.Errorf("putting the API together: %w", err)
	}
	handler.use(settled(server))
	l.forwards = newForwards(l)
	l.viewer = &viewer{lab: l}
	l.observer = newObserver(l)
	door, err := l.frontDoor(handler)
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	l.serve(ctx, group, api, door)
	l.serve(ctx, group, socket, control.Handler(l))
	for name, loop := range l.loops() {
		group.Go(func() error { return l.keepRunning(ctx, name, loop) })
	}
	l.log.Info("the lab answers", "endpoint", l.endpoint(), "after", time.Since(l.started).Round(time.Millisecond))
	l.timeline.Add(timeline.Event{Source: "lab", Subject: "lab", Text: "answers at " + l.endpoint()})
	err = group.Wait()
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serve answers HTTP on a listener until the context ends.
func (l *lab) serve(ctx context.Context, group *errgroup.Group, listener net.Listener, handler http.Handler) {
	server := newServer(handler, l.log, wire.Door{Secure: true}) // loopback and the control socket: nobody is in between
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

func newServer(handler http.Handler, log *slog.Logger, door wire.Door) *http.Server {
	return &http.Server{
		BaseContext: func(net.Listener) context.Context { return wire.WithDoor(context.Background(), door) },
		Handler:     handler, ReadHeaderTimeout: slowClient, MaxHeaderBytes: maximumHead,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// keepRunning runs a reconciler, and again after a pause when it fails: a service's trouble is not the lab's end.
func (l *lab) keepRunning(ctx context.Context, name string, loop func(context.Context) error) error {
	for {
		err := loop(ctx)
		if ctx.Err() != nil {
			return nil
		}
		l.log.Error("a reconciler ended; it starts again", "reconciler", name, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (l *lab) endpoint() string { return "http://" + l.config.Address }

func checkAddress(text string) (netip.AddrPort, error) {
	address, err := netip.ParseAddrPort(text)
	if err != nil {
		return address, fmt.Errorf("the API's address %q is not an address with a port, such as 127.0.0.1:4566", text)
	}
	if !address.Addr().IsLoopback() {
		return address, fmt.Errorf("the API's address %s is not on loopback: the lab is for this machine alone; use 127.0.0.1:%d", address, address.Port())
	}
	return address, nil
}

// listen opens the API's port; one in use is named with its owner.
func listen(ctx context.Context, address netip.AddrPort) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("starting the lab's API: %w; stop that, or type: haven lab start --address 127.0.0.1:PORT", vpc.InUse(address))
	}
	if err != nil {
		return nil, fmt.Errorf("starting the lab's API: %w", err)
	}
	return listener, nil
}

// CheckAddress tells what keeps the API from listening on an address: a malformed or public one, or the process that
// has the port, which only the host's own namespaces show.
func CheckAddress(ctx context.Context, text string) error {
	address, err := checkAddress(text)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	return listener.Close()
}

// pid is the process that a host's signal must go to, to end the whole lab.
func pid() int {
	if number, err := strconv.Atoi(os.Getenv(daemon.HostPIDVariable)); err == nil {
		return number
	}
	return os.Getpid()
}
