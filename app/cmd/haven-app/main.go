// Command haven-app is the web service that a Haven environment serves: an append-only ledger and shared files for each
// tenant, with honest health checks. It is configured by environment variables named HAVEN_…; started with a wrong
// one, it lists all that are wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"haven/app/internal/database"
	"haven/app/internal/files"
	"haven/app/internal/health"
	"haven/app/internal/secret"
	"haven/app/internal/server"
	"haven/app/internal/settings"
	"haven/app/limits"
)

// How long the database may be without a writer, or a reader, before its servers count as broken: more than a failover takes, less than
// an outage that deserves attention. A failover takes readers away, too, and until they are back the writer answers what is asked of them.
const (
	writerGrace = 20 * time.Second
	readerGrace = 20 * time.Second
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s, err := settings.Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "haven-app can't start: its environment is wrong:\n%s\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, s, log.With("instance", s.InstanceID)); err != nil {
		log.Error("haven-app ends", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings.Settings, log *slog.Logger) (err error) {
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	source := secret.File(s.Database.SecretFile)
	if s.Database.SecretARN != "" {
		source = secret.Manager(s.Region, s.Database.SecretARN)
	}
	cluster, err := database.Open(context.WithoutCancel(ctx), s.Database, secret.NewKeeper(source), log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer cluster.Close()
	store, err := files.Open(s.SharedDir)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	go prepare(ctx, cluster, store, log)
	judge := health.NewJudge(checks(s, cluster, store)...)
	log.Info("serving", "address", listener.Addr().String(), "version", s.Version, "zone", s.Zone)
	return server.Serve(ctx, listener, handler(s, cluster, store, judge, log), judge, server.Leave{Detection: s.Detection, Drain: s.Drain}, log)
}

// prepare does what the first requests need; readiness tells until it is done.
func prepare(ctx context.Context, cluster *database.Cluster, store *files.Store, log *slog.Logger) {
	if err := cluster.Prepare(ctx); err != nil {
		log.Error("the schema was not made", "error", err)
	}
	if err := store.Sweep(); err != nil {
		log.Warn("leftovers in the shared folder were not removed", "error", err)
	}
}

func checks(s settings.Settings, cluster *database.Cluster, store *files.Store) []health.Check {
	prober := files.NewProber(store, s.InstanceID)
	return []health.Check{
		{Name: "database-reader", Grace: readerGrace, Run: cluster.CheckReader},
		{Name: "database-writer", Grace: writerGrace, Run: func(ctx context.Context) error {
			return cluster.CheckWriter(ctx, s.InstanceID)
		}},
		// Shared files that are slow are slow for every server: taking all of them out would help nobody. Those that have not answered at
		// all for the grace are gone from this one.
		{Name: "storage", Grace: limits.Files, Run: prober.Check, Answered: prober.Answered},
	}
}

func handler(s settings.Settings, cluster *database.Cluster, store *files.Store, judge *health.Judge, log *slog.Logger) http.Handler {
	return server.New(server.Options{
		Identity: server.Identity{Instance: s.InstanceID, Zone: s.Zone, Region: s.Region, Version: s.Version, Started: time.Now().UTC()},
		Ledger:   cluster, Files: store, Judge: judge, Collectors: cluster.Collectors(), Log: log,
	})
}
