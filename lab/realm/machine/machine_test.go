package machine_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/host"
	"haven/lab/realm/machine"
)

// TestMain lets the test binary be what machines run inside.
func TestMain(m *testing.M) {
	machine.Dispatch()
	if filepath.Base(os.Args[0]) == "mount.efs" {
		os.Exit(mountMemory(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// lab is a manager with a namespace for its machines.
type lab struct {
	*machine.Manager
	t    *testing.T
	dir  string
	ns   *host.Namespace
	host *host.Host
}

func open(t *testing.T) *lab {
	t.Helper()
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	base, err := os.MkdirTemp("", "hvt-machine-")
	require.NoError(t, err)
	l := &lab{t: t, dir: filepath.Join(base, "machines")}
	t.Cleanup(func() {
		if t.Failed() {
			found, _ := filepath.Glob(filepath.Join(l.dir, "*", "console.log"))
			for _, path := range found {
				text, _ := os.ReadFile(path)
				t.Logf("console of %s:\n%s", filepath.Base(filepath.Dir(path)), text)
			}
		}
		require.NoError(t, os.RemoveAll(base))
	})
	l.host, err = host.New(filepath.Join(base, "netns"), slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.host.Close()) })
	l.ns, err = l.host.CreateNamespace("hvt-" + strings.ToLower(rand.Text()[:8]))
	require.NoError(t, err)
	l.Manager, err = machine.New(l.host, machine.Options{Dir: l.dir, Authority: []byte("-----BEGIN CERTIFICATE-----\nthe lab's\n-----END CERTIFICATE-----\n")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func (l *lab) spec(id, userData string) machine.Spec {
	return machine.Spec{
		ID: id, AccountID: "000000000000", Region: "us-east-1", Zone: "us-east-1a", Type: "t3.small", ImageID: "ami-1", Hostname: "ip-10-0-0-5.ec2.internal",
		UserData: []byte(userData), LaunchedAt: time.Now(), Namespace: l.ns, CPUs: 2, MemoryMiB: 512,
		Interface: machine.InterfaceFacts{ID: "eni-1", MAC: "02:00:00:00:00:01", Address: netip.MustParseAddr("10.0.0.5"),
			SubnetCIDR: netip.MustParsePrefix("10.0.0.0/24"), VPCCIDR: netip.MustParsePrefix("10.0.0.0/16")},
		Metadata: machine.MetadataOptions{Enabled: true, TokensRequired: true, HopLimit: 1},
		Profile:  "arn:aws:iam::000000000000:instance-profile/web", Role: "web-role",
		Credentials: func(context.Context) (machine.Credentials, error) {
			return machine.Credentials{AccessKeyID: "ASIA1", SecretAccessKey: "s", SessionToken: "t", Expires: time.Now().Add(time.Hour)}, nil
		},
	}
}

func (l *lab) boot(id, userData string) {
	l.t.Helper()
	require.NoError(l.t, l.Start(l.t.Context(), l.spec(id, userData)))
}

func (l *lab) observe(id string) machine.Observation {
	for _, o := range l.Observe() {
		if o.ID == id {
			return o
		}
	}
	return machine.Observation{ID: id, Phase: machine.PhaseGone}
}

// await waits until the user data of a machine has ended.
func (l *lab) await(id string) machine.Observation {
	l.t.Helper()
	require.Eventually(l.t, func() bool {
		state := l.observe(id).UserData
		return state == "done" || state == "failed"
	}, 60*time.Second, 5*time.Millisecond)
	return l.observe(id)
}

// sh runs a shell script in a machine and returns what it printed.
func (l *lab) sh(id, script string) string {
	l.t.Helper()
	out, errOut, exit, err := l.Exec(l.t.Context(), id, []string{"/bin/bash", "-c", script}, nil)
	require.NoError(l.t, err)
	require.Zero(l.t, exit, "%s\n%s%s", script, out, errOut)
	return strings.TrimSpace(string(out))
}

// get asks a web server in the machines' namespace.
func (l *lab) get(port int) (string, error) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: l.ns.DialContext, DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(text)), err
}

const webServer = `#!/bin/bash
set -euo pipefail
useradd --system --uid 1500 --user-group --shell /usr/sbin/nologin haven
mkdir -p /opt/web /etc/web
echo 'GREETING="hello from"' > /etc/web/env
cat > /opt/web/server.py <<'PY'
import http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("%s %s as %d pid %d" % (os.environ["GREETING"], os.uname().nodename, os.getuid(), os.getpid())).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
print("serving", flush=True)
http.server.ThreadingHTTPServer(("", 8080), H).serve_forever()
PY
cat > /etc/systemd/system/web.service <<'UNIT'
[Unit]
Description=A web server
After=network-online.target
[Service]
User=haven
Group=haven
EnvironmentFile=/etc/web/env
ExecStart=/usr/bin/python3 /opt/web/server.py
Restart=always
RestartSec=100ms
LimitNOFILE=4096
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now web.service
`

func TestUserDataBootsAServiceThatIsRestarted(t *testing.T) {
	l := open(t)
	begun := time.Now()
	l.boot("i-1", webServer)
	t.Logf("the init ran after %s", time.Since(begun))
	require.Equal(t, "done", l.await("i-1").UserData)
	var text string
	require.Eventually(t, func() bool { var err error; text, err = l.get(8080); return err == nil }, 20*time.Second, 5*time.Millisecond)
	t.Logf("the service answered after %s", time.Since(begun))
	require.Regexp(t, `^hello from ip-10-0-0-5\.ec2\.internal as 1500 pid \d+$`, text)

	l.sh("i-1", `kill -9 $(systemctl show -p MainPID --value web)`)
	require.Eventually(t, func() bool { again, err := l.get(8080); return err == nil && again != text }, 20*time.Second, 5*time.Millisecond, "it must come back as another process")
	require.Equal(t, "active", l.sh("i-1", "systemctl is-active web"))
	require.Equal(t, "1", l.sh("i-1", "systemctl show -p NRestarts --value web"))
	require.Contains(t, l.sh("i-1", "systemctl status web; journalctl -u web"), "code=killed, status=9/KILL")
	require.Contains(t, string(l.Console("i-1")), "web.service: serving")
	pid := l.sh("i-1", "systemctl show -p MainPID --value web")
	l.sh("i-1", "systemctl kill -s KILL web")
	require.Eventually(t, func() bool {
		now := l.sh("i-1", "systemctl show -p MainPID --value web")
		return now != pid && now != "0"
	}, 10*time.Second, 50*time.Millisecond)
	require.Contains(t, l.sh("i-1", "systemctl kill --signal=NONE web 2>&1 || true"), "there is no such signal")
	limits := l.sh("i-1", `cat /proc/$(systemctl show -p MainPID --value web)/limits /proc/$(systemctl show -p MainPID --value web)/status`)
	require.Regexp(t, `Max open files\s+4096`, limits)
	require.Regexp(t, `NoNewPrivs:\s+1`, limits)
}

func TestADiskIsKeptAndUserDataRunsOnce(t *testing.T) {
	l := open(t)
	l.boot("i-1", webServer+"echo run >> /var/lib/runs\n")
	l.await("i-1")
	answers := func() bool { _, err := l.get(8080); return err == nil }
	require.Eventually(t, answers, 20*time.Second, 5*time.Millisecond)

	require.NoError(t, l.Reboot(t.Context(), "i-1"))
	require.Eventually(t, answers, 20*time.Second, 5*time.Millisecond, "enabled units start again")
	require.Equal(t, "run", l.sh("i-1", "cat /var/lib/runs"))

	require.NoError(t, l.Stop(t.Context(), "i-1", false))
	require.Equal(t, machine.PhaseStopped, l.observe("i-1").Phase)
	require.False(t, answers())
	_, _, _, err := l.Exec(t.Context(), "i-1", []string{"true"}, nil)
	require.ErrorContains(t, err, "does not run")

	l.boot("i-1", "#!/bin/sh\nexit 1\n")
	require.Eventually(t, answers, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, "run", l.sh("i-1", "cat /var/lib/runs"))

	l.sh("i-1", "systemctl disable --now web")
	_, _, _, _ = l.Exec(t.Context(), "i-1", []string{"reboot"}, nil) // its answer may be lost with the machine
	require.Eventually(t, func() bool {
		return l.observe("i-1").Phase == machine.PhaseRunning && strings.Count(string(l.Console("i-1")), " booted") == 4
	}, 20*time.Second, 5*time.Millisecond)
	require.False(t, answers(), "a disabled unit stays down")
	require.NoError(t, l.Delete(t.Context(), "i-1", false))
	require.Equal(t, machine.PhaseGone, l.observe("i-1").Phase)
	require.NoDirExists(t, filepath.Join(l.dir, "i-1"))
}

func TestAKilledServiceIsNoZombie(t *testing.T) {
	l := open(t)
	l.boot("i-1", "#!/bin/bash\n(sleep 0.05 & exec setsid sleep 0.1) & exit 0\n")
	l.await("i-1")
	require.Eventually(t, func() bool { return !strings.Contains(l.sh("i-1", "ps axo stat,comm"), "sleep") }, 10*time.Second, 20*time.Millisecond)
}

func TestFailingUserDataIsReportedAndTheMachineGoesOn(t *testing.T) {
	l := open(t)
	l.boot("i-1", "#!/bin/bash\necho about to fail >&2\nexit 3\n")
	o := l.await("i-1")
	require.Equal(t, machine.PhaseRunning, o.Phase)
	require.Equal(t, "failed", o.UserData)
	require.Equal(t, 3, o.ExitCode)
	require.Eventually(t, func() bool { return strings.Contains(string(l.Console("i-1")), "about to fail") }, 10*time.Second, 5*time.Millisecond)

	spec := l.spec("i-2", "#cloud-config\npackages: [x]\n")
	require.Error(t, l.Start(t.Context(), spec), "another machine can't have the same namespace's metadata address")
	require.NoError(t, l.Delete(t.Context(), "i-1", false))
	require.NoError(t, l.Start(t.Context(), spec))
	require.Equal(t, "failed", l.await("i-2").UserData)
	require.Eventually(t, func() bool { return strings.Contains(string(l.Console("i-2")), "does not implement \"#cloud-config\"") }, 10*time.Second, 5*time.Millisecond)
}

func TestObservationsAreTold(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	<-l.Changed()
	require.Equal(t, "done", l.await("i-1").UserData)
	_, _, _, _ = l.Exec(t.Context(), "i-1", []string{"shutdown", "-h", "now"}, nil) // its answer may be lost with the machine
	require.Eventually(t, func() bool { return l.observe("i-1").Phase == machine.PhaseStopped }, 20*time.Second, 5*time.Millisecond)
	require.Contains(t, l.observe("i-1").Reason, "from inside")

	l.boot("i-1", "")
	l.sh("i-1", "sleep 1000 >/dev/null 2>&1 &")
	kill(t, l, "i-1")
	require.Eventually(t, func() bool { return l.observe("i-1").Phase == machine.PhaseCrashed }, 20*time.Second, 5*time.Millisecond)
	require.Contains(t, l.observe("i-1").Reason, "killed")
	l.boot("i-1", "")
	require.Equal(t, machine.PhaseRunning, l.observe("i-1").Phase)
}

func TestAForcedStopIsImmediate(t *testing.T) {
	l := open(t)
	l.boot("i-1", `#!/bin/bash
cat > /etc/systemd/system/stubborn.service <<'UNIT'
[Service]
ExecStart=/bin/bash -c 'trap "" TERM; echo ready; while :; do sleep 1; done'
UNIT
systemctl start stubborn
`)
	l.await("i-1")
	require.Eventually(t, func() bool { return strings.Contains(string(l.Console("i-1")), "ready") }, 20*time.Second, 5*time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- l.Stop(context.Background(), "i-1", false) }()
	select {
	case <-stopped:
		t.Fatal("a service that ignores the signal must hold up an orderly stop")
	case <-time.After(300 * time.Millisecond):
	}
	require.NoError(t, l.Stop(t.Context(), "i-1", true))
	require.NoError(t, <-stopped)
	require.Equal(t, machine.PhaseStopped, l.observe("i-1").Phase)
}

func TestAServerMayHavePort80OfAllAddresses(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	said := l.sh("i-1", `perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(80, INADDR_ANY)) or die $!; listen(S, 5) or die $!;
	  print qx(curl -s -m 5 -o /dev/null -w "%{http_code}" -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)'`)
	require.Equal(t, "200", strings.TrimSpace(said))
}
