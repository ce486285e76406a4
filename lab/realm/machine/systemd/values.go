package systemd

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var spanPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Zµ]*)\s*`)

var spanUnits = map[string]time.Duration{
	"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
	"ms": time.Millisecond, "msec": time.Millisecond, "us": time.Microsecond, "usec": time.Microsecond, "µs": time.Microsecond,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// parseSpan reads a time span such as "5", "100ms" or "1min 30s"; "infinity" and 0 are zero: no limit.
func parseSpan(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "infinity" {
		return 0, nil
	}
	if text == "" {
		return 0, errors.New("it must be a time span such as 5s")
	}
	var sum time.Duration
	for text != "" {
		m := spanPart.FindStringSubmatch(text)
		if m == nil || spanUnits[m[2]] == 0 {
			return 0, errors.New("it must be a time span such as 5s")
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > 1e9 {
			return 0, errors.New("it must be a time span such as 5s")
		}
		sum += time.Duration(n * float64(spanUnits[m[2]]))
		text = text[len(m[0]):]
	}
	return sum, nil
}

// expand replaces the specifiers that make sense for a plain service.
func (u *Unit) expand(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	host, _ := os.Hostname() // a machine without a name has an empty one
	return strings.NewReplacer("%%", "%", "%n", u.Name, "%N", strings.TrimSuffix(u.Name, ".service"), "%p", strings.TrimSuffix(u.Name, ".service"),
		"%H", host, "%t", "/run", "%S", "/var/lib", "%C", "/var/cache", "%L", "/var/log", "%E", "/etc", "%T", "/tmp").Replace(value)
}

func environment(u *Unit, value string) error {
	if value == "" {
		u.Context.Environment = nil
		return nil
	}
	words, err := split(value)
	if err != nil {
		return err
	}
	for _, word := range words {
		if name, _, ok := strings.Cut(word, "="); !ok || !validName(name) {
			u.notice("Invalid environment assignment, ignoring: %s", name)
			continue
		}
		u.Context.Environment = append(u.Context.Environment, word)
	}
	return nil
}

func environmentFile(u *Unit, value string) error {
	if value == "" {
		u.EnvironmentFiles = nil
		return nil
	}
	f := file(value)
	if !strings.HasPrefix(f.Path, "/") {
		return fmt.Errorf("%q is not absolute", value)
	}
	u.EnvironmentFiles = append(u.EnvironmentFiles, f)
	return nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func validName(name string) bool { return variableName.MatchString(name) }

// parseEnvironment reads an environment file: assignments one a line, comments with # or ;, values plain or quoted.
func parseEnvironment(text string) []string {
	var all []string
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !validName(name) {
			continue
		}
		all = append(all, name+"="+unquote(strings.TrimSpace(value)))
	}
	return all
}

func unquote(value string) string {
	if len(value) < 2 {
		return value
	}
	switch first, last := value[0], value[len(value)-1]; {
	case first == '\'' && last == '\'':
		return value[1 : len(value)-1]
	case first == '"' && last == '"':
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(value[1 : len(value)-1])
	}
	return value
}
