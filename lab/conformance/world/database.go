package world

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"haven/lab/control"
)

// Login is how to reach a database: by a name that the VPC's own resolver knows.
type Login struct {
	Host, User, Password, Database string
	Plain                          bool // without TLS
}

func (l Login) dsn() string {
	mode := "verify-full"
	if l.Plain {
		mode = "disable"
	}
	return fmt.Sprintf("host=%s port=5432 user=%s password='%s' dbname=%s sslmode=%s connect_timeout=3", l.Host, l.User, l.Password, l.Database, mode)
}

// databaseJob is what a client on an instance is to do: run a statement, or append to the ledger for a while.
type databaseJob struct {
	DSN       string
	Statement string
	Again     string        // a second statement, on the same connection
	Pause     time.Duration // before it
	Append    time.Duration
	Clients   int
}

// Answer is what came of a statement.
type Answer struct {
	Rows  [][]string
	Error string // what went wrong, as the client tells it
	Code  string // SQLSTATE, when the server refused
	Again string // what went wrong with the second statement
}

// Ack is a row that was acknowledged: to whom, by which server in which of its reigns, and when.
type Ack struct {
	ID, Reign string
	At        time.Time
}

// SQL runs a statement from an instance, over a connection of its own.
func (w *World) SQL(t testing.TB, from string, login Login, statement string) Answer {
	t.Helper()
	var answer Answer
	require.NoError(t, w.databaseClient(from, databaseJob{DSN: login.dsn(), Statement: statement}, &answer))
	return answer
}

// Hold runs a statement from an instance, and after a pause another one over the same connection. It may be called on
// any goroutine.
func (w *World) Hold(from string, login Login, statement string, pause time.Duration, again string) (answer Answer, err error) {
	return answer, w.databaseClient(from, databaseJob{DSN: login.dsn(), Statement: statement, Pause: pause, Again: again}, &answer)
}

// Append appends rows to the table ledger (id text) from an instance for a time, with clients that connect again, by
// name, whenever something goes wrong; it returns what was acknowledged. It may be called on any goroutine.
func (w *World) Append(from string, login Login, lasting time.Duration, clients int) (acks []Ack, err error) {
	return acks, w.databaseClient(from, databaseJob{DSN: login.dsn(), Append: lasting, Clients: clients}, &acks)
}

// databaseClient has an instance do a job. What comes back of it is compressed: a history is long.
func (w *World) databaseClient(from string, job databaseJob, into any) error {
	raw, err := json.Marshal(job)
	if err != nil {
		return err
	}
	script := "$(readlink -f /usr/sbin/mount.efs) database-client " + base64.StdEncoding.EncodeToString(raw) + " > /tmp/$$.json; gzip -c /tmp/$$.json; rm /tmp/$$.json"
	result, err := w.Control.Exec(context.Background(), control.ExecRequest{Instance: from, Command: []string{"sh", "-c", script}})
	if err != nil {
		return err
	}
	plain, err := gzip.NewReader(bytes.NewReader(result.Stdout))
	if err != nil {
		return fmt.Errorf("reading what the client on %s said: %w: %s", from, err, result.Stderr)
	}
	if err := json.NewDecoder(plain).Decode(into); err != nil {
		return fmt.Errorf("reading what the client on %s said: %w: %s", from, err, result.Stderr)
	}
	return nil
}

// beDatabaseClient does the job and prints what came of it, on an instance.
func beDatabaseClient(encoded string) error {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	var job databaseJob
	if err := json.Unmarshal(raw, &job); err != nil {
		return err
	}
	if job.Append > 0 {
		return json.NewEncoder(os.Stdout).Encode(job.append())
	}
	return json.NewEncoder(os.Stdout).Encode(job.answer())
}

func (j databaseJob) answer() (answer Answer) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second+j.Pause)
	defer cancel()
	conn, err := pgx.Connect(ctx, j.DSN)
	if err != nil {
		return failed(err)
	}
	defer conn.Close(ctx)
	if answer, err = run(ctx, conn, j.Statement); err != nil {
		return failed(err)
	}
	if j.Again != "" {
		time.Sleep(j.Pause)
		if _, err := run(ctx, conn, j.Again); err != nil {
			answer.Again = err.Error()
		}
	}
	return answer
}

func failed(err error) Answer {
	answer := Answer{Error: err.Error()}
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		answer.Code = refused.Code
	}
	return answer
}

func run(ctx context.Context, conn *pgx.Conn, statement string) (answer Answer, err error) {
	results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	for _, result := range results {
		for _, row := range result.Rows {
			var texts []string
			for _, value := range row {
				texts = append(texts, string(value))
			}
			answer.Rows = append(answer.Rows, texts)
		}
	}
	return answer, err
}

func (j databaseJob) append() []Ack {
	ctx, cancel := context.WithTimeout(context.Background(), j.Append)
	defer cancel()
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
		acks = []Ack{}
	)
	began := time.Now().UnixNano()
	for client := range j.Clients {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; {
				conn, reign := writerOf(ctx, j.DSN)
				if conn == nil {
					time.Sleep(20 * time.Millisecond)
					continue
				}
				for ; ctx.Err() == nil; n++ {
					id := fmt.Sprintf("%d-%d-%d", began, client, n)
					if !appendRow(ctx, conn, id) {
						n++ // it may be there or not: the number is spent
						break
					}
					mu.Lock()
					acks = append(acks, Ack{ID: id, Reign: reign, At: time.Now()})
					mu.Unlock()
				}
				_ = conn.PgConn().Conn().Close()
			}
		})
	}
	wait.Wait()
	return acks
}

// writerOf connects by name and tells who answered, if it is a writer: its address and timeline.
func writerOf(ctx context.Context, dsn string) (*pgx.Conn, string) {
	attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(attempt, dsn)
	if err != nil {
		return nil, ""
	}
	var reign string
	err = conn.QueryRow(attempt, `SELECT host(inet_server_addr()) || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)`).Scan(&reign)
	if err != nil { // of a reader
		_ = conn.PgConn().Conn().Close()
		return nil, ""
	}
	return conn, reign
}

func appendRow(ctx context.Context, conn *pgx.Conn, id string) bool {
	attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := conn.Exec(attempt, "INSERT INTO ledger (id) VALUES ($1)", id)
	return err == nil
}
