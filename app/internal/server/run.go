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

// Serve answers on the listener until ctx ends, then drains: readiness fails at once so that balancers turn away; for
// half of the time requests are still taken, because balancers need some checks to notice; then what is in flight
// finishes. It returns within drain, with an error when requests had to be cut off.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, judge *health.Judge, drain time.Duration, log *slog.Logger) error {
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
	log.Info("draining", "within", drain)
	judge.Drain()
	end, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	select {
	case <-time.After(drain / 2):
	case err := <-failed:
		return err
	}
	err := server.Shutdown(end)
	if err != nil {
		err = errors.Join(errors.New("requests were cut off at the end of the drain"), err, server.Close())
	}
	log.Info("drained", "error", err)
	return err
}
