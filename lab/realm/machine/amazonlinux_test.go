package machine_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"haven/lab/authority"
	"haven/lab/realm/machine"
)

// mountMemory stands in for mount.efs: it is called as util-linux calls it, and mounts memory.
func mountMemory(args []string) int {
	options := strings.Split(args[slices.Index(args, "-o")+1], ",")
	if args[0] != "fs-1:/" || !slices.Contains(options, "tls") || !slices.Contains(options, "accesspoint=fsap-1") {
		fmt.Fprintln(os.Stderr, "mount.efs: wrongly called:", args)
		return 32
	}
	if err := unix.Mount("tmpfs", args[1], "tmpfs", 0, "mode=750,uid=1500,gid=1500"); err != nil {
		fmt.Fprintln(os.Stderr, "mount.efs:", err)
		return 32
	}
	return 0
}

// world gives a namespace a resolver and the S3 of a region, with certificates of a lab's authority.
func world(t *testing.T, l *lab, objects map[string]string) (trusted []byte, signed *sync.Map) {
	t.Helper()
	const s3 = "192.0.2.80"
	lo, err := l.ns.Netlink().LinkByName("lo")
	require.NoError(t, err)
	for _, address := range []string{"169.254.169.253/32", s3 + "/32"} {
		parsed, err := netlink.ParseAddr(address)
		require.NoError(t, err)
		require.NoError(t, l.ns.Netlink().AddrAdd(lo, parsed))
	}
	conn, err := l.ns.ListenPacket(t.Context(), "udp4", "169.254.169.253:53")
	require.NoError(t, err)
	resolver := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if strings.HasSuffix(q.Question[0].Name, ".s3.us-east-1.amazonaws.com.") && q.Question[0].Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: net.ParseIP(s3)})
		}
		_ = w.WriteMsg(answer)
	})}
	go resolver.ActivateAndServe()
	t.Cleanup(func() { resolver.Shutdown() })

	ca, err := authority.Open(t.TempDir())
	require.NoError(t, err)
	certificate, key, err := ca.Issue([]string{"*.s3.us-east-1.amazonaws.com"}, nil)
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(certificate, key)
	require.NoError(t, err)
	listener, err := l.ns.Listen(t.Context(), "tcp4", s3+":443")
	require.NoError(t, err)
	signed = &sync.Map{}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed.Store(r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization"))
		text, ok := objects[r.Host+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	})}
	go server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}}))
	t.Cleanup(func() { server.Close() })
	return ca.CertificatePEM(), signed
}

// TestAServerBootsAsOnAmazonLinux boots with the commands that a server's user data uses there: metadata by token, the aws
// command with the instance's role over verified TLS, accounts, an EFS mount by helper and by fstab, a hardened unit.
func TestAServerBootsAsOnAmazonLinux(t *testing.T) {
	if _, err := os.Stat("/usr/bin/aws"); err != nil {
		t.Skip("the aws command is not installed; type: scripts/setup")
	}
	const artifact = `#!/bin/bash
id -un > /srv/haven/shared/who
for path in / /etc /opt/haven /root; do (echo x > $path/forbidden) 2>/dev/null && echo "$path" >> /srv/haven/shared/writable; done
echo x > /tmp/private
exec python3 -m http.server --directory /srv/haven/shared "$PORT"
`
	sum := sha256.Sum256([]byte(artifact))
	script := `#!/bin/bash
set -Eeuo pipefail
trap 'echo "boot failed at line $LINENO" >&2' ERR
token=$(curl -fsS --max-time 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
region=$(curl -fsS -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/placement/region)
getent group haven >/dev/null || groupadd --gid 1500 haven
getent passwd haven >/dev/null || useradd --uid 1500 --gid 1500 --no-create-home --home-dir / --shell /sbin/nologin haven
install -d -m 0755 /opt/haven /etc/haven /srv/haven/shared
aws --region "$region" s3 cp --only-show-errors s3://artifacts/app/haven-app /opt/haven/haven-app
echo "` + hex.EncodeToString(sum[:]) + `  /opt/haven/haven-app" | sha256sum --check --status
chmod 0755 /opt/haven/haven-app
command -v mount.efs >/dev/null
mount -t efs -o tls,iam,accesspoint=fsap-1 fs-1:/ /srv/haven/shared
mountpoint -q /srv/haven/shared
echo "fs-1:/ /srv/haven/shared efs _netdev,tls,iam,accesspoint=fsap-1 0 0" >>/etc/fstab
echo PORT=8080 > /etc/haven/app.env
cat >/etc/systemd/system/haven-app.service <<EOF
[Unit]
Description=Haven application
Wants=network-online.target
After=network-online.target
RequiresMountsFor=/srv/haven/shared
StartLimitIntervalSec=0
[Service]
User=haven
Group=haven
EnvironmentFile=/etc/haven/app.env
ExecStart=/opt/haven/haven-app
Restart=always
RestartSec=1
TimeoutStopSec=10
LimitNOFILE=65536
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ProtectSystem=strict
ReadWritePaths=/srv/haven/shared
[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload
systemctl enable --now haven-app.service
`
	l := open(t)
	ca, signed := world(t, l, map[string]string{"artifacts.s3.us-east-1.amazonaws.com/app/haven-app": artifact})
	var err error
	l.Manager, err = machine.New(l.host, machine.Options{Dir: l.dir, Authority: ca})
	require.NoError(t, err)
	l.boot("i-1", script)
	require.Equal(t, "done", l.await("i-1").UserData)
	answers := func() bool { _, err := l.get(8080); return err == nil }
	require.Eventually(t, answers, 20*time.Second, 10*time.Millisecond)
	_, ok := signed.Load("t")
	require.True(t, ok, "the aws command must sign with the role's session token")
	require.Equal(t, "haven", l.sh("i-1", "cat /srv/haven/shared/who"))
	require.Empty(t, l.sh("i-1", "cat /srv/haven/shared/writable 2>/dev/null || true"), "ProtectSystem=strict")
	require.Equal(t, "absent", l.sh("i-1", "test -e /tmp/private && echo there || echo absent"), "PrivateTmp")

	require.NoError(t, l.Reboot(t.Context(), "i-1"))
	require.Eventually(t, answers, 20*time.Second, 10*time.Millisecond, "fstab is mounted before the unit starts")
	require.Equal(t, "haven", l.sh("i-1", "cat /srv/haven/shared/who"))
}
