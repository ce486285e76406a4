package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
	"haven/lab/realm/postgres"
)

// world is a manager with a namespace a member, and what clients need to reach them.
type world struct {
	t       *testing.T
	dir     string
	host    *host.Host
	manager *postgres.Manager
	spec    postgres.ClusterSpec
	logs    *testLog

	mu     sync.Mutex
	events []postgres.Event
}

type testLog struct {
	mu sync.Mutex
	t  *testing.T
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Log(string(p[:len(p)-1]))
	}
	return len(p), nil
}

func newWorld(t *testing.T, members int) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real PostgreSQL servers")
	}
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	if _, err := postgres.ServerVersion(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/tmp", "hvtpg")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	w := &world{t: t, dir: dir, logs: &testLog{t: t}}
	t.Cleanup(func() { w.logs.mu.Lock(); w.logs.t = nil; w.logs.mu.Unlock() })
	w.host, err = host.New(dir+"/ns", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.host.Close()) })
	w.spec = postgres.ClusterSpec{ID: "cluster-ONE", Name: "one", Database: "ledger", MasterUser: "master", MasterPassword: "first-Password", Port: 5432}
	for i := range members {
		w.addMember(fmt.Sprintf("db-%c", 'A'+i), i)
	}
	t.Cleanup(func() {
		if w.manager != nil {
			require.NoError(t, w.manager.Close())
		}
	})
	w.open()
	return w
}

func (w *world) addMember(id string, tier int) {
	ns, err := w.host.CreateNamespace(id)
	require.NoError(w.t, err)
	w.spec.Members = append(w.spec.Members, postgres.MemberSpec{
		ID: id, Name: id, Zone: "zone of " + id, Tier: tier, Namespace: ns, Address: netip.MustParseAddr("127.0.0.1"),
		Names: []string{id + ".test"}, Parameters: map[string]string{"rds.force_ssl": "1"},
	})
}

func (w *world) open() {
	var err error
	w.manager, err = postgres.New(postgres.Options{
		Dir: w.dir + "/pg", Issue: selfSigned, Log: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Reach: w.reach, VolumeBytes: 176 << 20, BackupAfter: time.Second,
		Event: func(e postgres.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	require.NoError(w.t, err)
	w.apply()
}

// reach tells whether a member's network is alive: its own loopback refuses a connection unless a fault drops it.
func (w *world) reach(ctx context.Context, from *host.Namespace, _ []netip.Addr) error {
	conn, err := from.DialContext(ctx, "tcp", "127.0.0.1:9")
	if err == nil {
		return conn.Close()
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return err
}

// blackHole has the member's network lose everything, or heals it.
func (w *world) blackHole(member string, lost bool) {
	w.t.Helper()
	ruleset := "table ip fault\ndelete table ip fault\n"
	if lost {
		ruleset += "table ip fault { chain in { type filter hook input priority -300; policy drop; }; chain out { type filter hook output priority -300; policy drop; }; }"
	}
	require.NoError(w.t, w.member(member).Namespace.Nft(context.Background(), ruleset))
}

func (w *world) member(id string) *postgres.MemberSpec {
	for i := range w.spec.Members {
		if w.spec.Members[i].ID == id {
			return &w.spec.Members[i]
		}
	}
	w.t.Fatalf("no member %s", id)
	return nil
}

// told tells whether an event of the kind has been told of a member.
func (w *world) told(kind postgres.EventKind, member string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.events, func(e postgres.Event) bool { return e.Kind == kind && e.Member == member })
}

func (w *world) apply() {
	w.t.Helper()
	require.NoError(w.t, w.manager.Apply(context.Background(), []postgres.ClusterSpec{w.spec}))
}

func (w *world) observe() postgres.Observation {
	for _, o := range w.manager.Observe() {
		if o.ID == w.spec.ID {
			return o
		}
	}
	return postgres.Observation{}
}

// await waits until the condition holds; the bound is generous because the machine may be busy.
func (w *world) await(what string, condition func(postgres.Observation) bool) postgres.Observation {
	w.t.Helper()
	began := time.Now()
	deadline := began.Add(90 * time.Second)
	for {
		o := w.observe()
		if condition(o) {
			if time.Since(began) > 30*time.Second {
				w.t.Logf("waiting for %s took %v", what, time.Since(began))
				w.dump()
			}
			return o
		}
		if time.Now().After(deadline) {
			w.dump()
			w.t.Fatalf("waiting for %s: %+v", what, o)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// dump shows the ends of the servers' logs.
func (w *world) dump() {
	for _, m := range w.spec.Members {
		raw, err := os.ReadFile(filepath.Join(w.dir, "pg", w.spec.ID, m.ID, "postgres.log"))
		if err != nil {
			w.t.Log(err)
			continue
		}
		lines := strings.Split(string(raw), "\n")
		w.t.Logf("the log of %s:\n%s", m.ID, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

// whole tells that every member serves and all readers are synchronous.
func (w *world) whole(o postgres.Observation) bool {
	if o.Writer == "" || len(o.Synchronous) != len(w.spec.Members)-1 || len(o.Members) != len(w.spec.Members) {
		return false
	}
	for _, m := range o.Members {
		if m.Phase != postgres.PhaseAvailable || !m.Writer && !m.Streaming {
			return false
		}
	}
	return true
}

// connect opens a client's session with a member over TCP from inside its namespace.
func (w *world) connect(ctx context.Context, member string, tls bool) (*pgx.Conn, error) {
	mode := "require"
	if !tls {
		mode = "disable"
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=5432 user=%s password=%s dbname=ledger sslmode=%s",
		w.spec.MasterUser, w.spec.MasterPassword, mode))
	if err != nil {
		return nil, err
	}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		for _, m := range w.spec.Members {
			if m.ID == member {
				return m.Namespace.DialContext(ctx, network, address)
			}
		}
		return nil, fmt.Errorf("no member %s", member)
	}
	return pgx.ConnectConfig(ctx, config)
}

func (w *world) query(member, sql string, into ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := w.connect(ctx, member, true)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if len(into) == 0 {
		_, err = conn.Exec(ctx, sql)
		return err
	}
	return conn.QueryRow(ctx, sql).Scan(into...)
}

func selfSigned(names []string, addresses []netip.Addr) ([]byte, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, address.AsSlice())
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}
