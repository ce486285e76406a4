package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clonePrefix begins the name of a clone's folder.
const clonePrefix = "haven-e2e-"

// clone is a fresh checkout of what is committed.
type clone struct {
	t      *testing.T
	dir    string
	failed error // of the command that had to succeed
}

// newClone clones the project, and registers its teardown before anything is brought up.
func newClone(t *testing.T) *clone {
	t.Helper()
	here, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", clonePrefix)
	require.NoError(t, err)
	c := &clone{t: t, dir: dir}
	t.Cleanup(c.tearDown)
	c.must(time.Minute, "git", "clone", "--quiet", "--depth", "1", "file://"+here, dir)
	return c
}

// tearDown stops the lab whatever state it is in, keeps its log when the test failed, and removes the clone.
func (c *clone) tearDown() {
	haven := filepath.Join(c.dir, ".haven", "bin", "haven")
	if _, err := os.Stat(haven); err == nil {
		if out, err := c.run(2*time.Minute, haven, "lab", "stop"); err != nil {
			c.t.Errorf("stopping the lab: %v\n%s", err, out)
		}
	}
	if c.t.Failed() {
		for _, name := range []string{"lab.log", "calls.jsonl"} {
			raw, _ := os.ReadFile(filepath.Join(c.dir, ".haven", "lab", name))
			c.t.Logf("the end of %s:\n%s", name, tail(raw, 12000))
		}
		if c.failed != nil { // again, as all of that is between it and the end
			c.t.Logf("what failed was %v", c.failed)
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		c.t.Errorf("removing the clone: %v", err)
	}
}

func tail(raw []byte, size int) []byte { return raw[max(0, len(raw)-size):] }

// environment is the process's, without what would lead to another lab or another account.
func (c *clone) environment() []string {
	env := []string{"AWS_ACCESS_KEY_ID=lab", "AWS_SECRET_ACCESS_KEY=lab", "AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true"}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "AWS_") && !strings.HasPrefix(pair, "PULUMI_") && !strings.HasPrefix(pair, "HAVEN_") {
			env = append(env, pair)
		}
	}
	return env
}

// command prepares a command in the clone's folder.
func (c *clone) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if strings.HasPrefix(name, "scripts/") {
		name = filepath.Join(c.dir, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = c.dir, c.environment()
	return cmd
}

func (c *clone) run(limit time.Duration, name string, args ...string) (string, error) {
	return c.runInput(limit, "", name, args...)
}

func (c *clone) runInput(limit time.Duration, stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := c.command(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s\n%s", name, strings.Join(args, " "), err, tail(out.Bytes(), 6000), tail(errs.Bytes(), 6000))
	}
	return out.String(), nil
}

// must runs a command that has to succeed and returns what it printed.
func (c *clone) must(limit time.Duration, name string, args ...string) string {
	c.t.Helper()
	begun := time.Now()
	out, err := c.run(limit, name, args...)
	if err != nil {
		c.failed = err
		require.NoError(c.t, err)
	}
	c.t.Logf("%s %s: %s", filepath.Base(name), strings.Join(args, " "), time.Since(begun).Round(100*time.Millisecond))
	return out
}

func (c *clone) haven(args ...string) string {
	c.t.Helper()
	return c.must(5*time.Minute, filepath.Join(c.dir, ".haven", "bin", "haven"), args...)
}

// seen is what haven status tells; only what these tests use.
type seen struct {
	URL       string `json:"url"`
	Ready     bool   `json:"ready"`
	Balancers []struct{ Zone, Address string }
	Servers   []struct{ ID, Zone, Health, Lifecycle string }
	Database  struct {
		Writer, Reader string
		Port           int
		Members        []struct{ ID, Zone, Role, Status string }
	}
	Mounts []struct{ Zone, State string }
}

func (c *clone) status() seen {
	c.t.Helper()
	var s seen
	require.NoError(c.t, json.Unmarshal([]byte(c.haven("status", "--wait", "5m", "--output", "json")), &s))
	return s
}

// outputs are the stack's outputs that these tests use.
type outputs struct {
	Web struct {
		GroupName string `json:"groupName"`
	} `json:"web"`
	Database struct {
		ClusterID string `json:"clusterId"`
		Name      string `json:"name"`
		SecretARN string `json:"secretArn"`
	} `json:"database"`
	LoadBalancer struct {
		TargetGroup string `json:"targetGroup"`
	} `json:"loadBalancer"`
	Network struct {
		VPCID string `json:"vpcId"`
	} `json:"network"`
	Storage struct {
		Buckets map[string]string `json:"buckets"`
	} `json:"storage"`
}

func (c *clone) outputs() (o outputs) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal([]byte(c.must(time.Minute, "scripts/pulumi", "stack", "output", "--json", "-s", "lab")), &o))
	return o
}
