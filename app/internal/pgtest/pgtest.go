// Package pgtest runs real PostgreSQL servers for tests: a primary with TLS and streaming standbys, on loopback ports, in
// a folder of their own that goes away with the test.
package pgtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Password of the superuser "haven" that the servers have.
const Password = "correct-horse"

// Server is one running PostgreSQL.
type Server struct {
	Port int
	CA   string // file with the authority of its certificate, which is for "localhost"

	t   *testing.T
	dir string
	log string
	own *syscall.Credential
	run bool
}

// Address returns host:port.
func (s *Server) Address() string { return net.JoinHostPort("localhost", strconv.Itoa(s.Port)) }

// Start starts a primary with the database "haven". The test is skipped when PostgreSQL is not installed.
func Start(t *testing.T) *Server {
	t.Helper()
	s := prepare(t)
	s.must("initdb", "--no-sync", "-D", s.dir, "-U", "haven", "-A", "scram-sha-256", "--pwfile", s.file("password", Password))
	s.CA = s.certificate()
	s.configure()
	s.Up()
	s.SQL("postgres", "CREATE DATABASE haven")
	return s
}

// Standby starts a streaming standby of s.
func (s *Server) Standby() *Server {
	s.t.Helper()
	n := prepare(s.t)
	n.CA = s.CA
	n.must("pg_basebackup", "--no-sync", "-c", "fast", "-R", "-D", n.dir, "-d", s.dsn("postgres"))
	n.configure()
	n.Up()
	return n
}

// Up starts the server.
func (s *Server) Up() {
	s.t.Helper()
	s.must("pg_ctl", "-D", s.dir, "-l", s.log, "-w", "start")
	s.run = true
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	s.must("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop")
	s.run = false
}

// Promote makes a standby the primary.
func (s *Server) Promote() {
	s.t.Helper()
	s.must("pg_ctl", "-D", s.dir, "-w", "promote")
}

// SQL runs statements as the superuser, each by itself, and returns what they print, unadorned.
func (s *Server) SQL(database string, statements ...string) string {
	s.t.Helper()
	args := []string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"}
	for _, statement := range statements {
		args = append(args, "-c", statement)
	}
	return strings.TrimSpace(s.must("psql", append(args, s.dsn(database))...))
}

// Secret writes a file with credentials as Secrets Manager would have them.
func Secret(t *testing.T, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, `{"username":"haven","password":%q}`, password), 0o600))
	return path
}

func (s *Server) dsn(database string) string {
	return fmt.Sprintf("host=localhost port=%d user=haven password=%s dbname=%s", s.Port, Password, database)
}

func prepare(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, Port: freePort(t)}
	if binary("initdb") == "" {
		t.Skip("PostgreSQL's server is not installed; type: scripts/setup")
	}
	dir, err := os.MkdirTemp("", "hvt-pg-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if s.run {
			s.Kill()
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	s.dir, s.log = filepath.Join(dir, "data"), filepath.Join(dir, "log")
	if os.Geteuid() == 0 { // the server refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("there is no user postgres to run the server as; type: scripts/setup")
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		s.own = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		require.NoError(t, os.Chown(dir, uid, gid))
	}
	return s
}

func (s *Server) configure() {
	s.t.Helper()
	text := fmt.Sprintf("\nport=%d\nlisten_addresses='localhost'\nunix_socket_directories='%s'\nssl=on\nfsync=off\nshared_buffers=16MB\n",
		s.Port, filepath.Dir(s.dir))
	f, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(s.t, err)
	_, err = f.WriteString(text)
	require.NoError(s.t, err)
	require.NoError(s.t, f.Close())
}

func (s *Server) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(filepath.Dir(s.dir), name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	if s.own != nil {
		require.NoError(s.t, os.Chown(path, int(s.own.Uid), int(s.own.Gid)))
	}
	return path
}

func (s *Server) must(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command(binary(name), args...)
	cmd.Dir = filepath.Dir(s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.own}
	cmd.WaitDelay = time.Second // the server keeps the output open
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "WaitDelay") {
		logged, _ := os.ReadFile(s.log)
		require.NoError(s.t, err, "%s: %s\n%s", name, out, logged)
	}
	return string(out)
}

func binary(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	path, _ := exec.LookPath(name)
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
