package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sys/unix"

	"haven/drill/target"
)

// Versions tells what is drilled and with what, by name. What cannot be found out is left out: a report says what is known.
func Versions(ctx context.Context, o Options, e *target.Environment) map[string]string {
	c := commands{o.Root}
	all := map[string]string{"Go": runtime.Version(), "application": e.Outputs.Version, "Haven": revision(ctx, c)}
	if raw, err := c.pulumi(ctx, "version"); err == nil {
		all["Pulumi"] = strings.TrimSpace(string(raw))
	}
	if raw, err := c.pulumi(ctx, "plugin", "ls", "--json"); err == nil {
		all["AWS provider"] = providerVersion(raw)
	}
	if cluster, err := e.Cluster(ctx); err == nil {
		all["database engine"] = strings.TrimSpace(aws.ToString(cluster.Engine) + " " + aws.ToString(cluster.EngineVersion))
	}
	if e.Lab() {
		all["HAProxy"], all["PostgreSQL"], all["kernel"] = programVersion(ctx, "haproxy", "-v"), postgresVersion(ctx), kernel()
	}
	for name, version := range all {
		if version == "" {
			delete(all, name)
		}
	}
	return all
}

// revision is the commit that Haven was checked out at, with a note when files differ from it.
func revision(ctx context.Context, c commands) string {
	raw, err := c.run(ctx, "git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return ""
	}
	text := strings.TrimSpace(string(raw))
	if changed, err := c.run(ctx, "git", "status", "--porcelain", "--untracked-files=no"); err == nil && len(changed) > 0 {
		text += " with changes"
	}
	return text
}

func providerVersion(plugins []byte) string {
	var all []struct{ Name, Kind, Version string }
	if json.Unmarshal(plugins, &all) != nil {
		return ""
	}
	for _, one := range all {
		if one.Name == "aws" && one.Kind == "resource" {
			return one.Version
		}
	}
	return ""
}

var version = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// programVersion is the first version that a program prints.
func programVersion(ctx context.Context, name string, arguments ...string) string {
	raw, err := exec.CommandContext(ctx, name, arguments...).Output()
	if err != nil {
		return ""
	}
	return version.FindString(string(raw))
}

// postgresVersion is that of the server that the lab runs: distributions keep it out of the search path.
func postgresVersion(ctx context.Context) string {
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is well-formed
	if len(installed) == 0 {
		return programVersion(ctx, "postgres", "--version")
	}
	return programVersion(ctx, installed[len(installed)-1], "--version")
}

func kernel() string {
	var names unix.Utsname
	if unix.Uname(&names) != nil {
		return ""
	}
	return unix.ByteSliceToString(names.Release[:])
}

// Machine tells what the drills' client, and in a lab everything, ran on.
func Machine() string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		if memory := memoryOf(string(raw)); memory != "" {
			parts = append(parts, memory)
		}
	}
	if raw, err := os.ReadFile("/etc/os-release"); err == nil {
		if name := systemOf(string(raw)); name != "" {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ", ")
}

func memoryOf(meminfo string) string {
	var kib int
	if _, err := fmt.Sscanf(meminfo, "MemTotal: %d kB", &kib); err != nil {
		return ""
	}
	return fmt.Sprintf("%.0f GiB of memory", float64(kib)/(1<<20))
}

func systemOf(release string) string {
	for line := range strings.Lines(release) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
}
