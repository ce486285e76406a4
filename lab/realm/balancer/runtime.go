package balancer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errOldWorker says that the answer came from a worker that is being replaced.
var errOldWorker = errors.New("another worker answered")

// console talks to a node's HAProxy over its sockets, whose paths may be longer than a socket address can be.
type console struct{ dir string }

// ask sends commands in one connection and returns the whole answer.
func (c console) ask(ctx context.Context, socket string, commands ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	folder, err := unix.Open(c.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("opening %s: %w", c.dir, err)
	}
	defer unix.Close(folder)
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join("/proc", strconv.Itoa(os.Getpid()), "fd", strconv.Itoa(folder), socket))
	if err != nil {
		return "", fmt.Errorf("asking HAProxy in %s: %w", c.dir, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, strings.Join(commands, ";")+"\n"); err != nil {
		return "", fmt.Errorf("asking HAProxy in %s: %w", c.dir, err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("reading HAProxy's answer in %s: %w", c.dir, err)
	}
	return string(answer), nil
}

// askMaster is ask of the master process, which would keep the connection open for more.
func (c console) askMaster(ctx context.Context, command string) (string, error) {
	return c.ask(ctx, masterSocket, command+"\nquit")
}

// askWorker is ask of the worker that runs the generation; any other is errOldWorker and has been told nothing that matters.
func (c console) askWorker(ctx context.Context, generation string, commands ...string) (string, error) {
	info, err := c.ask(ctx, adminSocket, append([]string{"show info"}, commands...)...)
	if err != nil {
		return "", err
	}
	if !hasGeneration(info, generation) {
		return "", errOldWorker
	}
	return info, nil
}

func hasGeneration(info, generation string) bool {
	scanner := bufio.NewScanner(strings.NewReader(info))
	for scanner.Scan() {
		if value, ok := strings.CutPrefix(scanner.Text(), "description: "); ok {
			return value == generation
		}
	}
	return false
}

// setService returns the command that brings a server, by its backend's name and its own, into service or takes it out.
func setService(path string, in bool) string {
	state := "maint"
	if in {
		state = "ready"
	}
	return fmt.Sprintf("set server %s state %s", path, state)
}

// Stat is one line of HAProxy's statistics: a server's, a backend's or a frontend's.
type Stat struct {
	Proxy, Server string
	Sessions      int64 // current
	Total         int64 // connections of a frontend, since the worker began
	Connects      int64 // connections to a server
	Rejected      int64 // connections that a frontend refused
}

// parseStats reads the answer to "show stat".
func parseStats(answer string) ([]Stat, error) {
	_, table, ok := strings.Cut(answer, "# ")
	if !ok {
		return nil, errors.New("HAProxy's statistics have no header")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	reader := csv.NewReader(bytes.NewReader([]byte(table)))
	reader.FieldsPerRecord = -1
	reader.LazyQuotes = true
	rows, err := reader.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("reading HAProxy's statistics: %w", errors.Join(err, errEmpty(rows)))
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var stats []Stat
	for _, row := range rows[1:] {
		number := func(name string) int64 {
			i, ok := column[name]
			if !ok || i >= len(row) {
				return 0
			}
			value, _ := strconv.ParseInt(row[i], 10, 64) // empty where it does not apply
			return value
		}
		stats = append(stats, Stat{
			Proxy: row[column["pxname"]], Server: row[column["svname"]], Sessions: number("scur"), Total: number("conn_tot"),
			Connects: number("connect"), Rejected: number("dcon"),
		})
	}
	return stats, nil
}

func errEmpty(rows [][]string) error {
	if len(rows) == 0 {
		return errors.New("they are empty")
	}
	return nil
}
