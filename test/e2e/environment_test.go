package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEnvironment is one life of an environment, from a clone to nothing.
func TestEnvironment(t *testing.T) {
	if os.Getenv("HAVEN_E2E") == "" {
		t.Skip("set HAVEN_E2E=1 to bring an environment up")
	}
	if os.Geteuid() != 0 {
		t.Skip("the lab's machines need root")
	}
	before := leftovers(t)
	c := newClone(t)
	step := func(name string, f func(*testing.T)) {
		if !t.Failed() {
			t.Run(name, func(t *testing.T) { c.t = t; f(t) })
			c.t = t
		}
	}
	step("a killed up", c.killedUp)
	step("up", c.up)
	step("requests", c.requests)
	step("reader", c.reader)
	step("no drift", c.noDrift)
	step("clients", c.clients)
	step("terratest", c.terratest)
	step("tag", c.tag)
	step("roll", c.roll)
	step("readme", c.readme)
	step("killed lab", c.killedLab)
	step("protections", c.protections)
	step("down", c.down)
	if !t.Failed() {
		require.Empty(t, added(before, leftovers(t)), "something was left behind on the host")
	}
}

// killedUp kills Pulumi in the middle of its work, early and, each time it has taken over from itself, later.
func (c *clone) killedUp(t *testing.T) {
	c.must(75*time.Minute, "scripts/setup")
	for _, calls := range []int{300, 700, 1200} {
		kill := c.upUntil(t, calls)
		if calls == 300 { // later there is a moment between taking over and going on in which nothing is at work
			_, err := c.run(time.Minute, "scripts/down")
			require.ErrorContains(t, err, "A Pulumi is at work", "who types down now must not take the lock away")
		}
		kill()
		// Pulumi keeps a file of metadata beside its state unless told not to; a kill can tear the two apart.
		torn, err := filepath.Glob(filepath.Join(c.dir, ".haven", "lab", "pulumi", ".pulumi", "stacks", "haven", "*.attrs"))
		require.NoError(t, err)
		require.Empty(t, torn)
	}
}

// upUntil brings the environment up as far as so many API calls have been answered. It goes on until it is killed.
func (c *clone) upUntil(t *testing.T, calls int) (kill func()) {
	cmd := c.command(t.Context(), "scripts/up")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		_ = cmd.Wait() // it says that it was killed
	})
	t.Cleanup(kill)
	require.Eventually(t, func() bool { return c.calls() > calls }, 5*time.Minute, 200*time.Millisecond, "Pulumi never got going")
	return kill
}

// calls counts what the lab's journal tells of answered API calls.
func (c *clone) calls() int {
	raw, err := os.ReadFile(filepath.Join(c.dir, ".haven", "lab", "calls.jsonl"))
	if err != nil {
		return 0
	}
	return strings.Count(string(raw), "\n")
}

func (c *clone) up(t *testing.T) {
	c.must(20*time.Minute, "scripts/up")
	s := c.status()
	require.True(t, s.Ready)
	require.Len(t, s.Balancers, 3)
	require.Len(t, s.Servers, 3)
	require.Len(t, s.Mounts, 3)
	require.Len(t, s.Database.Members, 3)
	zones, writers := map[string]bool{}, 0
	for _, server := range s.Servers {
		zones[server.Zone] = true
	}
	require.Len(t, zones, 3, "a server in each zone")
	for _, member := range s.Database.Members {
		if member.Role == "writer" {
			writers++
		}
	}
	require.Equal(t, 1, writers)
}

// requests go through each balancer node, and what one server wrote another reads.
func (c *clone) requests(t *testing.T) {
	s := c.status()
	for i, node := range s.Balancers {
		at := c.through(s.URL, node.Address)
		at.must(t, http.MethodGet, "/whoami", "", http.StatusOK)
		note := fmt.Sprintf(`{"through":%q}`, node.Zone)
		written := at.must(t, http.MethodPost, "/tenants/e2e/ledger", note, http.StatusCreated)
		read := at.elsewhere(t, "/tenants/e2e/ledger?consistent=true", written.server)
		require.Contains(t, read.body, note)

		file := fmt.Sprintf("/tenants/e2e/files/note-%d", i)
		stored, err := at.ask(http.MethodPut, file, "shared by "+node.Zone)
		require.NoError(t, err)
		require.Less(t, stored.status, 300, stored.body)
		require.Equal(t, "shared by "+node.Zone, at.elsewhere(t, file, stored.server).body)
	}
	plain, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get("http://" + s.Balancers[0].Address + "/whoami")
	require.NoError(t, err)
	require.Equal(t, http.StatusMovedPermanently, plain.StatusCode, "plain HTTP must be redirected")
	require.True(t, strings.HasPrefix(plain.Header.Get("Location"), "https://"))
}

// reader sees the row with psql, from a server's own network, on a database reader.
func (c *clone) reader(t *testing.T) {
	s, o := c.status(), c.outputs()
	var secret struct{ Username, Password string }
	require.NoError(t, json.Unmarshal([]byte(c.aws("secretsmanager", "get-secret-value", "--secret-id", o.Database.SecretARN, "--query", "SecretString", "--output", "text")), &secret))
	script := fmt.Sprintf("export PGPASSWORD='%s' PGSSLMODE=verify-full PGSSLROOTCERT=/etc/haven/database-ca.pem\n"+
		"psql -h %s -p %d -U %s -d %s -Atc 'select pg_is_in_recovery()' -c 'select count(*) from haven_ledger'\n",
		strings.ReplaceAll(secret.Password, "'", `'\''`), s.Database.Reader, s.Database.Port, secret.Username, o.Database.Name)
	out, err := c.runInput(time.Minute, script, filepath.Join(c.dir, ".haven", "bin", "haven"), "lab", "exec", s.Servers[0].ID, "bash", "-s")
	require.NoError(t, err)
	lines := strings.Fields(out)
	require.Len(t, lines, 2, out)
	require.Equal(t, "t", lines[0], "a reader must answer")
	rows, err := strconv.Atoi(lines[1])
	require.NoError(t, err)
	require.GreaterOrEqual(t, rows, 3)
}

func (c *clone) aws(args ...string) string {
	c.t.Helper()
	out, err := c.run(time.Minute, "aws", append([]string{"--endpoint-url", "http://127.0.0.1:4566"}, args...)...)
	require.NoError(c.t, err)
	return out
}

func (c *clone) preview(t *testing.T) {
	t.Helper()
	c.must(5*time.Minute, "scripts/pulumi", "preview", "-s", "lab", "--expect-no-changes")
}

func (c *clone) noDrift(t *testing.T) {
	c.preview(t)
	c.must(5*time.Minute, "scripts/pulumi", "refresh", "-s", "lab", "--yes", "--skip-preview", "--expect-no-changes")
}

// clients are the command line, unmodified, over every service in use.
func (c *clone) clients(*testing.T) {
	for _, call := range []string{
		"ec2 describe-instances", "ec2 describe-vpcs", "ec2 describe-subnets", "ec2 describe-route-tables", "ec2 describe-security-groups", "ec2 describe-network-acls",
		"ec2 describe-nat-gateways", "ec2 describe-vpc-endpoints", "ec2 describe-launch-templates", "ec2 describe-network-interfaces", "ec2 describe-addresses", "ec2 describe-flow-logs",
		"elbv2 describe-load-balancers", "elbv2 describe-target-groups", "autoscaling describe-auto-scaling-groups", "autoscaling describe-scaling-activities", "autoscaling describe-policies",
		"rds describe-db-clusters", "rds describe-db-instances", "rds describe-db-subnet-groups", "efs describe-file-systems", "efs describe-access-points",
		"s3api list-buckets", "network-firewall list-firewalls", "iam list-roles", "sts get-caller-identity", "kms list-keys", "kms list-aliases",
		"secretsmanager list-secrets", "acm list-certificates", "logs describe-log-groups", "ssm describe-parameters", "route53 list-hosted-zones", "wafv2 list-web-acls --scope REGIONAL",
	} {
		out := c.aws(strings.Fields(call)...)
		require.True(c.t, json.Valid([]byte(out)), "%s printed %s", call, out)
	}
}

// setting changes a line of the stack's settings in the clone, and puts it back with the returned function.
func (c *clone) setting(old, new string) (restore func()) {
	c.t.Helper()
	path := filepath.Join(c.dir, "stacks", "Pulumi.lab.yaml")
	raw, err := os.ReadFile(path)
	require.NoError(c.t, err)
	require.Contains(c.t, string(raw), old)
	require.NoError(c.t, os.WriteFile(path, []byte(strings.Replace(string(raw), old, new, 1)), 0o644))
	return func() { require.NoError(c.t, os.WriteFile(path, raw, 0o644)) }
}

func (c *clone) pulumiUp() string {
	c.t.Helper()
	return c.must(15*time.Minute, "scripts/pulumi", "up", "-s", "lab", "--yes", "--skip-preview")
}

// tag changes in place: nothing is replaced, created or deleted.
func (c *clone) tag(t *testing.T) {
	c.setting("haven:drainSeconds: 5", "haven:drainSeconds: 5\n  haven:tags:\n    team: operations")
	out := c.pulumiUp()
	require.NotContains(t, out, "replaced")
	require.NotContains(t, out, " created (")
	require.NotContains(t, out, " deleted (")
	require.Contains(t, out, " updated")
	require.Contains(t, c.aws("ec2", "describe-vpcs", "--filters", "Name=tag:team,Values=operations", "--query", "Vpcs[].VpcId", "--output", "text"), "vpc-")
	c.refreshed(t) // new instances carry the tag
}

// roll changes the user data, and with it replaces every server while requests go on.
func (c *clone) roll(t *testing.T) {
	before := c.status()
	running := c.through(before.URL, before.Balancers[0].Address).load("/whoami")
	c.setting("haven:drainSeconds: 5", "haven:drainSeconds: 6")
	c.pulumiUp()
	c.refreshed(t)
	asked, failed, first := running.end()
	t.Logf("%d requests while the fleet rolled, %d failed (%v)", asked, failed, first)
	require.Zero(t, failed, "rolling must not cost a request: %v", first)
	require.Greater(t, asked, int64(100))
	old := map[string]bool{}
	for _, server := range before.Servers {
		old[server.ID] = true
	}
	for _, server := range c.status().Servers {
		require.False(t, old[server.ID] && server.Lifecycle == "InService", "server %s was not replaced", server.ID)
	}
	c.preview(t)
}

// refreshed waits until the group's newest instance refresh has succeeded.
func (c *clone) refreshed(t *testing.T) {
	t.Helper()
	group := c.outputs().Web.GroupName
	status := ""
	require.Eventually(t, func() bool {
		status = strings.TrimSpace(c.aws("autoscaling", "describe-instance-refreshes", "--auto-scaling-group-name", group, "--query", "InstanceRefreshes[0].Status", "--output", "text"))
		require.NotContains(t, []string{"Failed", "RollbackSuccessful", "RollbackFailed"}, status)
		return status == "Successful" || status == "None"
	}, 8*time.Minute, 3*time.Second, "the fleet did not roll")
}

// killedLab kills the lab's serving process; nothing acknowledged is lost and traffic flows again.
func (c *clone) killedLab(t *testing.T) {
	s := c.status()
	at := c.through(s.URL, s.Balancers[0].Address)
	acknowledged := []string{}
	for i := range 20 {
		note := fmt.Sprintf(`{"before":"the kill %d"}`, i)
		at.must(t, http.MethodPost, "/tenants/kill/ledger", note, http.StatusCreated)
		acknowledged = append(acknowledged, note)
	}
	var lab struct{ PID int }
	require.NoError(t, json.Unmarshal([]byte(c.haven("lab", "status", "--output", "json")), &lab))
	require.NoError(t, syscall.Kill(lab.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return syscall.Kill(lab.PID, 0) != nil }, 30*time.Second, 50*time.Millisecond)
	c.haven("lab", "start")
	require.True(t, c.status().Ready)
	read := at.must(t, http.MethodGet, "/tenants/kill/ledger?consistent=true&limit=100", "", http.StatusOK)
	for _, note := range acknowledged {
		require.Contains(t, read.body, note, "an acknowledged entry was lost")
	}
	c.preview(t)
}

// protections: what AWS refuses, the lab refuses with AWS's own error.
func (c *clone) protections(t *testing.T) {
	o := c.outputs()
	for _, refused := range []struct{ call, want string }{
		{"ec2 delete-vpc --vpc-id " + o.Network.VPCID, "DependencyViolation"},
		{"rds delete-db-cluster --skip-final-snapshot --db-cluster-identifier " + o.Database.ClusterID, "InvalidDBClusterState"},
		{"elbv2 delete-target-group --target-group-arn " + o.LoadBalancer.TargetGroup, "ResourceInUse"},
		{"ec2 create-subnet --vpc-id " + o.Network.VPCID + " --cidr-block 10.20.0.0/24 --availability-zone us-east-1z", "InvalidParameterValue"},
		{"ec2 describe-vpcs --filters Name=nonsense,Values=x", "nonsense"},
		{"ec2 describe-spot-price-history", "lab"},
	} {
		_, err := c.run(time.Minute, "aws", append([]string{"--endpoint-url", "http://127.0.0.1:4566"}, strings.Fields(refused.call)...)...)
		require.ErrorContains(t, err, refused.want, refused.call)
	}
}

// down destroys everything and leaves an empty account.
func (c *clone) down(t *testing.T) {
	out := c.must(20*time.Minute, "scripts/down")
	require.Contains(t, out, "The account is empty.")
}

// leftovers are what an environment could leave on the host: namespaces, mounts, loop devices, links, control groups,
// processes, and what the provider keeps as files. Other tests' own, which come and go under /tmp, are not looked at.
func leftovers(t *testing.T) (all []string) {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); !strings.HasPrefix(fields[1], os.TempDir()+"/") || strings.Contains(fields[1], clonePrefix) {
			all = append(all, "mount "+fields[0]+" "+fields[1])
		}
	}
	for _, pattern := range []string{"/run/netns/*", "/sys/class/net/*", filepath.Join(os.TempDir(), "pulumi-*")} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		all = append(all, found...)
	}
	return append(append(all, ours("/sys/block/loop*/loop/backing_file")...), ours("/proc/[0-9]*/cmdline")...)
}

// added are those of after that were not there before.
func added(before, after []string) (more []string) {
	for _, one := range after {
		if !slices.Contains(before, one) {
			more = append(more, one)
		}
	}
	return more
}

func TestWhatIsLeftBehindIsFound(t *testing.T) {
	require.Equal(t, []string{"mount x"}, added([]string{"mount /", "gone"}, []string{"mount /", "mount x"}))
}

// ours are the files that name a clone of these tests.
func ours(pattern string) (all []string) {
	files, _ := filepath.Glob(pattern)
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && strings.Contains(string(raw), clonePrefix) {
			all = append(all, file+": "+strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return all
}
