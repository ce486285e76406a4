package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"time"

	"haven/lab/realm/host"
)

// Options are what a Manager needs of its surroundings.
type Options struct {
	// Dir holds the clusters. Its parents must be passable (o+x) for the user postgres.
	Dir string
	// Issue returns a server certificate for names and addresses.
	Issue func(names []string, addresses []netip.Addr) (certPEM, keyPEM []byte, err error)
	Log   *slog.Logger
	// Event is told what happened; it must not block. Nil: nobody.
	Event func(Event)
	// LogLine gets each line of a member's log; it must not block. Nil: nobody.
	LogLine func(cluster, member, line string)

	// Reach tells whether a member's network is alive: from inside its namespace towards the other members' addresses.
	// Nil: it always is.
	Reach func(ctx context.Context, from *host.Namespace, others []netip.Addr) error
	// VolumeBytes is how much the tables of a member may hold; zero: as much as the disk.
	VolumeBytes int64
	// BackupAfter and BackupEvery say when base backups are made: so long after a cluster has begun to serve, and from
	// then on; 0: half a minute, a day.
	BackupAfter, BackupEvery time.Duration

	ProbeEvery   time.Duration // between two observations; 0: 500 ms
	ProbeTimeout time.Duration // within which a member must answer; 0: 1 s
	// HangAfter is how long a running member may leave probes unanswered before it counts as dead; 0: 2 s.
	HangAfter time.Duration
	// StartWithin bounds a start, with its crash recovery, before the member counts as hung; 0: 60 s.
	StartWithin time.Duration
}

// account is the operating-system user that servers run as, and the programs they run.
type account struct {
	uid, gid uint32
	bin      string
	version  string // such as "15"
}

// findAccount looks the newest installed server (15 or later) and its user up.
func findAccount() (account, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return account{}, errors.New("the user postgres does not exist: the PostgreSQL server is not installed; type: scripts/setup")
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("reading the user id of postgres: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("reading the group id of postgres: %w", err)
	}
	bin, version, err := newestServer("/usr/lib/postgresql")
	if err != nil {
		return account{}, err
	}
	return account{uid: uint32(uid), gid: uint32(gid), bin: bin, version: version}, nil
}

// newestServer returns the program folder of the highest major version below root, at least 15.
func newestServer(root string) (bin, version string, err error) {
	found, err := filepath.Glob(filepath.Join(root, "*", "bin", "postgres"))
	if err != nil {
		return "", "", err
	}
	majors := map[int]string{}
	var order []int
	for _, program := range found {
		folder := filepath.Dir(program)
		major, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		if err == nil && major >= 15 {
			majors[major] = folder
			order = append(order, major)
		}
	}
	if len(order) == 0 {
		return "", "", fmt.Errorf("no PostgreSQL server 15 or later below %s; type: scripts/setup", root)
	}
	sort.Ints(order)
	newest := order[len(order)-1]
	return majors[newest], strconv.Itoa(newest), nil
}

// ServerVersion returns the major version of the PostgreSQL that clusters really run, such as "15".
func ServerVersion() (string, error) {
	_, version, err := newestServer("/usr/lib/postgresql")
	return version, err
}

// passable checks that another user can reach dir through its parents.
func passable(dir string) error {
	for path := dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", path, err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("the user postgres can't pass through %s (mode %o); type: chmod o+x %s", path, info.Mode().Perm(), path)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}
