// Package settings reads the application's configuration from its environment: typed, checked, and with every problem
// reported at once.
package settings

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Settings are everything that the environment tells the application.
type Settings struct {
	Listen     string // the address to serve on, such as ":8080"
	Version    string
	Region     string
	InstanceID string
	Zone       string
	Database   Database
	SharedDir  string // the mounted shared file system
	// Detection is for how long after SIGTERM requests are still taken: as long as the balancer may need to notice that the
	// server isn't ready any more. Drain is for how long after that what is in flight may go on.
	Detection time.Duration
	Drain     time.Duration
}

// Database tells where the database is and how to be let in. Exactly one of SecretARN and SecretFile is set.
type Database struct {
	Writers    []string // host:port, in the order to try them; only one that accepts writes is used
	Readers    []string // host:port; one that is a standby is preferred
	Name       string
	SecretARN  string // the secret in Secrets Manager with the keys username and password
	SecretFile string // the same as a file, for development
	CAFile     string // authority that the server's certificate must come from
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

// Load reads the settings through lookup (os.LookupEnv). The error lists every variable that is wrong and what it must be.
func Load(lookup func(string) (string, bool)) (Settings, error) {
	r := &reader{lookup: lookup}
	s := Settings{
		Listen:     r.address("HAVEN_LISTEN", ":8080"),
		Version:    r.text("HAVEN_VERSION", "development"),
		Region:     r.text("HAVEN_REGION", ""),
		InstanceID: r.text("HAVEN_INSTANCE_ID", hostname()),
		Zone:       r.text("HAVEN_ZONE", ""),
		SharedDir:  r.directory("HAVEN_SHARED_DIR"),
		Detection:  time.Duration(r.integer("HAVEN_DETECTION_SECONDS", 15, 0, 3600)) * time.Second,
		Drain:      time.Duration(r.integer("HAVEN_DRAIN_SECONDS", 30, 0, 3600)) * time.Second,
	}
	s.Database = r.database(s.Region)
	return s, errors.Join(r.problems...)
}

type reader struct {
	lookup   func(string) (string, bool)
	problems []error
}

func (r *reader) wrong(name, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s %s", name, fmt.Sprintf(format, args...)))
}

func (r *reader) text(name, otherwise string) string {
	value, ok := r.lookup(name)
	if value = strings.TrimSpace(value); !ok || value == "" {
		return otherwise
	}
	return value
}

func (r *reader) required(name, what string) string {
	value := r.text(name, "")
	if value == "" {
		r.wrong(name, "is not set: it must be %s", what)
	}
	return value
}

func (r *reader) integer(name string, otherwise, low, high int) int {
	text := r.text(name, strconv.Itoa(otherwise))
	value, err := strconv.Atoi(text)
	if err != nil || value < low || value > high {
		r.wrong(name, "is %q: it must be a whole number from %d to %d", text, low, high)
		return otherwise
	}
	return value
}

func (r *reader) address(name, otherwise string) string {
	value := r.text(name, otherwise)
	_, port, err := net.SplitHostPort(value)
	if err != nil || !isPort(port) {
		r.wrong(name, `is %q: it must be [host]:port, such as ":8080"`, value)
	}
	return value
}

func (r *reader) directory(name string) string {
	value := r.required(name, "the absolute path of the shared folder")
	if value == "" {
		return ""
	}
	if !filepath.IsAbs(value) {
		r.wrong(name, "is %q: it must be an absolute path", value)
	} else if info, err := os.Stat(value); err != nil {
		r.wrong(name, "is %q: it must be a folder that exists (%v)", value, err)
	} else if !info.IsDir() {
		r.wrong(name, "is %q: it must be a folder", value)
	}
	return value
}

func (r *reader) file(name, value string) {
	if value == "" {
		return
	}
	if info, err := os.Stat(value); err != nil {
		r.wrong(name, "is %q: it must be a file that can be read (%v)", value, err)
	} else if info.IsDir() {
		r.wrong(name, "is %q: it must be a file, not a folder", value)
	}
}

func isPort(text string) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= 0 && port <= 65535
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
