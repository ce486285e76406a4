package machine_test

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/stretchr/testify/require"

	"haven/lab/realm/machine"
)

// initPID finds a machine's first process among the children of this one.
func initPID(t *testing.T) int {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range entries {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
		if fields[1] == strconv.Itoa(os.Getpid()) && strings.HasPrefix(string(cmdline), "haven-machine-boot") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			return pid
		}
	}
	t.Fatal("no machine runs")
	return 0
}

func kill(t *testing.T, _ *lab, _ string) {
	t.Helper()
	require.NoError(t, syscall.Kill(initPID(t), syscall.SIGKILL))
}

func TestWhatAMachineSees(t *testing.T) {
	l := open(t)
	secret := filepath.Join(filepath.Dir(l.dir), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("the host's"), 0o644))
	marker := "/usr/local/hvt-" + filepath.Base(filepath.Dir(l.dir))
	l.boot("i-1", "#!/bin/bash\necho written > "+marker+"\necho gone > /etc/motd\nrm -f /usr/bin/who\n")
	l.await("i-1")

	require.NoFileExists(t, marker, "what a machine writes stays in its layer")
	require.FileExists(t, "/usr/bin/who")
	require.Equal(t, "written", l.sh("i-1", "cat "+marker))
	require.Empty(t, l.sh("i-1", "ls -A /root /home /tmp /srv /opt /mnt | grep -v : | tr -d '\\n'"))
	_, _, exit, err := l.Exec(t.Context(), "i-1", []string{"cat", secret}, nil)
	require.NoError(t, err)
	require.NotZero(t, exit)
	for _, name := range strings.Fields(l.sh("i-1", "ls -A /")) {
		require.Contains(t, " bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var ", " "+name+" ")
	}
	require.Equal(t, "1", l.sh("i-1", "ps -p 1 -o pid= | tr -d ' '"))
	require.Equal(t, "ip-10-0-0-5.ec2.internal", l.sh("i-1", "hostname"))
	require.Contains(t, l.sh("i-1", "cat /etc/resolv.conf"), "nameserver 169.254.169.253")
	require.Contains(t, l.sh("i-1", "cat /etc/hosts"), "10.0.0.5 ip-10-0-0-5.ec2.internal ip-10-0-0-5")
	require.Contains(t, l.sh("i-1", "tail -n3 /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt"), "the lab's")
	require.NotContains(t, l.sh("i-1", "cat /etc/shadow"), "$")
	require.Equal(t, "ok", l.sh("i-1", "echo ok > /dev/null && head -c 4 /dev/urandom | wc -c >/dev/null && test -c /dev/fuse && echo ok"))
}

func TestWhatAMachineCanNotDo(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	l.await("i-1")
	for what, script := range map[string]string{
		"make a device":                "mknod /tmp/disk b 254 0",
		"read a disk through devtmpfs": "mkdir /mnt/d && mount -t devtmpfs d /mnt/d && head -c 1 /mnt/d/vda",
		"change the kernel":            "echo 1 > /proc/sys/kernel/sysrq",
		"trigger the kernel":           "echo h > /proc/sysrq-trigger && grep -q . /proc/sysrq-trigger",
		"change its network":           "ip link set lo down",
		"set the clock":                "date -s 2001-01-01",
		"see the host's processes":     "ps ax | grep -q '[g]o test'",
		"install packages":             "dnf install -y nginx",
	} {
		_, _, exit, err := l.Exec(t.Context(), "i-1", []string{"bash", "-c", script}, nil)
		require.NoError(t, err)
		require.NotZero(t, exit, what)
	}
}

func TestAForkBombIsContained(t *testing.T) {
	l := open(t)
	spec := l.spec("i-1", "#!/bin/bash\nbomb() { bomb | bomb & }; bomb\n")
	spec.MemoryMiB = 256
	require.NoError(t, l.Start(t.Context(), spec))
	time.Sleep(500 * time.Millisecond)
	if usage, ok := l.Usage("i-1"); ok {
		require.LessOrEqual(t, usage.Processes, 2048)
		require.LessOrEqual(t, usage.Memory, int64(256<<20))
	} else {
		t.Log("there are no cgroup v1 controllers to measure with")
	}
	begun := time.Now()
	require.NoError(t, l.Stop(t.Context(), "i-1", true))
	t.Logf("a bombed machine was killed in %s", time.Since(begun))
	require.NoError(t, l.Delete(t.Context(), "i-1", false))
}

func TestTheMetadataServiceFromInside(t *testing.T) {
	l := open(t)
	l.boot("i-1", "")
	l.await("i-1")
	token := `T=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); `
	require.Equal(t, "i-1", l.sh("i-1", token+`curl -sf -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/instance-id`))
	require.Equal(t, "401", l.sh("i-1", `curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/instance-id`))

	client := imds.New(imds.Options{HTTPClient: &http.Client{Transport: &http.Transport{DialContext: l.ns.DialContext}}})
	role, err := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client }).Retrieve(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ASIA1", role.AccessKeyID)

	spec := l.spec("i-1", "")
	spec.Metadata.InstanceTags, spec.Tags = true, map[string]string{"Name": "renamed"}
	require.NoError(t, l.Start(t.Context(), spec), "facts change while it runs")
	require.Equal(t, "renamed", l.sh("i-1", token+`curl -sf -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/tags/instance/Name`))
}

func TestTheAWSCommandFindsItsRole(t *testing.T) {
	if _, err := os.Stat("/usr/bin/aws"); err != nil {
		t.Skip("the aws command is not installed; type: scripts/setup")
	}
	l := open(t)
	l.boot("i-1", "")
	l.await("i-1")
	out := l.sh("i-1", "aws configure list")
	require.Contains(t, out, "iam-role")
	require.Contains(t, out, "us-east-1")
}

func TestNothingIsLeftBehind(t *testing.T) {
	count := func() (mounts, cgroups int) {
		text, err := os.ReadFile("/proc/self/mounts")
		require.NoError(t, err)
		found, _ := filepath.Glob("/sys/fs/cgroup/*/haven-*")
		deeper, _ := filepath.Glob("/sys/fs/cgroup/*/*/*/haven-*")
		return strings.Count(string(text), "\n"), len(found) + len(deeper)
	}
	mounts, cgroups := count()
	t.Run("machines", func(t *testing.T) {
		l := open(t)
		l.boot("i-1", webServer)
		l.await("i-1")
		pid := initPID(t)
		require.NoError(t, l.Delete(t.Context(), "i-1", false))
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
		entries, err := os.ReadDir(l.dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "the program for machines")
		l.boot("i-1", webServer)
		pid = initPID(t)
		require.NoError(t, l.Close())
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	})
	mountsAfter, cgroupsAfter := count()
	require.Equal(t, mounts, mountsAfter)
	require.Equal(t, cgroups, cgroupsAfter)
}

func TestADiskOutlivesTheLab(t *testing.T) {
	l := open(t)
	l.boot("i-1", webServer+"echo run >> /var/lib/runs\n")
	l.await("i-1")
	require.NoError(t, l.Close())
	next, err := machine.New(l.host, machine.Options{Dir: l.dir})
	require.NoError(t, err)
	l.Manager = next
	l.boot("i-1", webServer)
	require.Eventually(t, func() bool { _, err := l.get(8080); return err == nil }, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, "run", l.sh("i-1", "cat /var/lib/runs"))
	require.NoError(t, l.Prune(t.Context(), []string{"i-1"}))
	require.DirExists(t, filepath.Join(l.dir, "i-1"))
	require.NoError(t, l.Prune(t.Context(), nil))
	require.NoDirExists(t, filepath.Join(l.dir, "i-1"))
}

func TestManyBootsLeakNothing(t *testing.T) {
	l := open(t)
	cycle := func() {
		l.boot("i-1", "")
		l.sh("i-1", "true")
		require.NoError(t, l.Stop(t.Context(), "i-1", false))
	}
	used := func() (files, routines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(entries), runtime.NumGoroutine()
	}
	cycle()
	files, routines := used()
	begun := time.Now()
	const cycles = 10
	for range cycles {
		cycle()
	}
	t.Logf("a boot, a command and a stop take %s", time.Since(begun)/cycles)
	var stacks strings.Builder
	defer func() {
		if t.Failed() {
			f, r := used()
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Logf("%d files were open, now %d; %d goroutines ran, now %d:\n%s", files, f, routines, r, stacks.String())
		}
	}()
	require.Eventually(t, func() bool { f, r := used(); return f <= files && r <= routines+1 }, 10*time.Second, 10*time.Millisecond, "files or goroutines leak")
}
