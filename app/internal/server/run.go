package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"haven/app/internal/health"
)

// Leave is how a server goes away without anybody noticing.
type Leave struct {
	Detection time.Duration // for which requests are still taken: what balancers may need to notice that it isn't ready
	Drain     time.Duration // for which, after that, what is in flight may go on
}

// Serve answers on the listener until ctx ends, then leaves: readiness fails at once so that balancers turn away; until
// they must have noticed, requests are taken as before; then no more are, and what is in flight finishes. It returns
// within both times together, with an error when requests had to be cut off.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, judge *health.Judge, leave Leave, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       75 * time.Second, // longer than the balancer's 60 s, or it would reuse a connection that just closed
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("not ready any more", "requests are taken for", leave.Detection)
	judge.Drain()
	select {
	case <-time.After(leave.Detection):
	case err := <-failed:
		return err
	}
	log.Info("draining", "within", leave.Drain)
	end, cancel := context.WithTimeout(context.Background(), leave.Drain)
	defer cancel()
	err := server.Shutdown(end)
	if err != nil {
		err = errors.Join(errors.New("requests were cut off at the end of the drain"), err, server.Close())
	}
	log.Info("drained", "error", err)
	return err
}
