package webtier_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/components/webtier"
)

// sandbox runs boot scripts as root over a throw-away overlay of this machine,
// in mount, network and process namespaces of its own: nothing that a script
// writes stays, and it reaches no network. AWS is played by a few small programs.
const sandbox = `
set -eu
base=$1; shift
mount -t tmpfs tmpfs "$base/scratch"
mkdir -p "$base/scratch/upper" "$base/scratch/work" "$base/scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/scratch/upper,workdir=$base/scratch/work" "$base/scratch/root"
root=$base/scratch/root
mkdir -p "$root/fixtures"
cp -r "$base/fixtures/." "$root/fixtures"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
exec chroot "$root" /usr/bin/env -i PATH=/fixtures/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  bash /fixtures/run
`

// players are the programs that stand for AWS and the service manager. Each
// notes its arguments, so that the test sees what the script asked for.
var players = map[string]string{
	"curl": `echo "curl $*" >>/fixtures/log
case "$*" in
  *--proto*) while [ "$1" != -o ]; do shift; done; cp /fixtures/objects/trust "$2" ;;
  *PUT*api/token*) echo TOKEN ;;
  *TOKEN*/placement/region) echo us-east-1 ;;
  *TOKEN*/placement/availability-zone) echo us-east-1b ;;
  *TOKEN*/instance-id) echo i-0123456789abcdef0 ;;
  *) exit 22 ;;
esac`,
	"aws": `echo "aws $*" >>/fixtures/log
test "$1 $2 $3 $4 $5" = "--region us-east-1 s3 cp --only-show-errors"
case "$6" in
  */app/*) cp /fixtures/objects/app "$7" ;;
  */trust/*) cp /fixtures/objects/trust "$7" ;;
  *) exit 1 ;;
esac`,
	"mount":      `echo "mount $*" >>/fixtures/log; test -e /fixtures/mount-refused && exit 32; touch /fixtures/mounted`,
	"mountpoint": `test -e /fixtures/mounted`,
	"mount.efs":  `exit 1`,
	"systemctl":  `echo "systemctl $*" >>/fixtures/log`,
	"sleep":      `:`,
	"dnf":        `echo "dnf $*" >>/fixtures/log; exit 1`,
}

// boot runs the rendered script (twice, if asked) and returns its combined
// output and what it left behind.
func boot(t *testing.T, data webtier.UserData, setup, check string) (string, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("boots a script in namespaces of its own, which needs root")
	}
	script, err := webtier.RenderUserData(data)
	require.NoError(t, err)
	base := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(base, "fixtures", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o755))
	}
	for name, body := range players {
		write("bin/"+name, "#!/bin/bash\nset -e\n"+body+"\n")
	}
	write("objects/app", application)
	write("objects/trust", authorities)
	write("userdata", script)
	write("run", "set -e\n"+setup+"\nbash /fixtures/userdata\n"+check)
	require.NoError(t, os.Mkdir(filepath.Join(base, "scratch"), 0o755))
	command := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private",
		"bash", "-c", sandbox, "sandbox", base)
	out, err := command.CombinedOutput()
	return string(out), err
}

const application, authorities = "#!/bin/sh\necho haven\n", "-----BEGIN CERTIFICATE-----\n"

func bootable() webtier.UserData {
	hash := func(content string) string {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:])
	}
	data := userData()
	data.ArtifactSHA256, data.TrustSHA256 = hash(application), hash(authorities)
	return data
}

func TestAServerBoots(t *testing.T) {
	out, err := boot(t, bootable(), "", `
stat -c '%a %U %n' /opt/haven/haven-app /etc/haven/database-ca.pem
/opt/haven/haven-app
id -u haven; id -g haven
cat /etc/haven/app.env /etc/systemd/system/haven-app.service /etc/fstab /fixtures/log`)
	require.NoError(t, err, out)
	for _, want := range []string{
		"755 root /opt/haven/haven-app\n", "644 root /etc/haven/database-ca.pem\n", "\nhaven\n1500\n1500\n",
		"HAVEN_LISTEN=:8080\nHAVEN_VERSION=0123456789ab\nHAVEN_REGION=us-east-1\nHAVEN_INSTANCE_ID=i-0123456789abcdef0\nHAVEN_ZONE=us-east-1b\n",
		"HAVEN_DB_CA_FILE=/etc/haven/database-ca.pem\nHAVEN_SHARED_DIR=/srv/haven/shared\n",
		"ExecStart=/opt/haven/haven-app\nRestart=always\n", "User=haven\nGroup=haven\nEnvironmentFile=/etc/haven/app.env\n",
		"mount -t efs -o tls,iam,accesspoint=fsap-0123456789abcdef0 fs-0123456789abcdef0:/ /srv/haven/shared\n",
		"fs-0123456789abcdef0:/ /srv/haven/shared efs _netdev,tls,iam,accesspoint=fsap-0123456789abcdef0 0 0\n",
		"systemctl daemon-reload\nsystemctl enable --now haven-app.service\n",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "dnf ", "what is there is not installed again")
}

func TestBootingTwiceChangesNothing(t *testing.T) {
	out, err := boot(t, bootable(), "bash /fixtures/userdata; md5sum /etc/fstab /etc/haven/* /etc/passwd >/fixtures/before", `
md5sum --check --quiet /fixtures/before
grep -c ' /srv/haven/shared efs ' /etc/fstab`)
	require.NoError(t, err, out)
	require.True(t, strings.HasSuffix(out, "\n1\n") || out == "1\n", out)
}

// What was not published by the program is not run.
func TestAForgedArtifactIsNotRun(t *testing.T) {
	out, err := boot(t, bootable(), "echo forged >>/fixtures/objects/app", "")
	require.Error(t, err)
	require.Contains(t, out, "is not what was published")
	require.Contains(t, out, "gave up after 30 attempts")
	require.Contains(t, out, "boot failed at line")
}

func TestAServerWithoutSharedFilesDoesNotServe(t *testing.T) {
	out, err := boot(t, bootable(), "touch /fixtures/mount-refused; trap 'cat /fixtures/log' EXIT", "")
	require.Error(t, err)
	require.Contains(t, out, "gave up after 60 attempts: mount_shared")
	require.NotContains(t, out, "systemctl enable")
}

func TestMissingMountHelperIsInstalled(t *testing.T) {
	out, err := boot(t, bootable(), "rm /fixtures/bin/mount.efs; rm -f /sbin/mount.efs; trap 'cat /fixtures/log' EXIT", "")
	require.Error(t, err, "the played installer fails")
	require.Contains(t, out, "dnf install -y -q amazon-efs-utils")
}

func TestPublishedTrustIsFetchedByTLS(t *testing.T) {
	data := bootable()
	data.Trust, data.TrustSHA256 = "https://truststore.example/bundle.pem", ""
	out, err := boot(t, data, "", "cat /etc/haven/database-ca.pem; cat /fixtures/log")
	require.NoError(t, err, out)
	require.Contains(t, out, authorities)
	require.Contains(t, out, "--proto =https")
}
