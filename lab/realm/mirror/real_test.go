package mirror_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"haven/lab/authority"
	"haven/lab/realm/host"
	"haven/lab/realm/mirror"
)

// TestMain lets the test's own program be mount.efs and the file server.
func TestMain(m *testing.M) {
	mirror.Dispatch()
	os.Exit(m.Run())
}

// world is a manager with one file system in three zones, and clients in namespaces of their own.
type world struct {
	t       *testing.T
	dir     string
	host    *host.Host
	ca      *authority.Authority
	manager *mirror.Manager
	options mirror.Options
	spec    mirror.FileSystem
	clients int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if err := host.Privileged(); err != nil {
		t.Skip(err)
	}
	for _, tool := range []string{"mkfs.btrfs", "btrfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "hvtefs")
	require.NoError(t, err)
	w := &world{t: t, dir: dir}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	w.host, err = host.New(dir+"/ns", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.host.Close()) })
	require.NoError(t, os.Mkdir(dir+"/ca", 0o700))
	w.ca, err = authority.Open(dir + "/ca")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/ca.pem", w.ca.CertificatePEM(), 0o600))
	ns, err := w.host.CreateNamespace("target")
	require.NoError(t, err)
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "lan"}}
	require.NoError(t, ns.Netlink().LinkAdd(bridge))
	w.address(ns, "lan", "10.9.0.1/24")
	w.spec = mirror.FileSystem{
		ID: "fs-0123456789abcdef0", Zones: []string{"a", "b", "c"},
		AccessPoints: []mirror.AccessPoint{{
			ID: "fsap-1", Path: "/haven", User: &mirror.User{UID: 1500, GID: 1500}, Create: &mirror.Creation{UID: 1500, GID: 1500, Mode: 0o750},
		}},
		Targets: []mirror.Target{{ID: "fsmt-1", Zone: "a", Namespace: ns}},
	}
	w.options = mirror.Options{Dir: dir + "/efs", TLS: w.ca.TLSConfig(), Size: 512 << 20, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	w.open()
	t.Cleanup(func() { require.NoError(t, w.manager.Close()) })
	return w
}

func (w *world) open() {
	var err error
	w.manager, err = mirror.New(w.options)
	require.NoError(w.t, err)
	w.apply()
}

func (w *world) apply() {
	w.t.Helper()
	require.NoError(w.t, w.manager.Apply(context.Background(), mirror.Spec{FileSystems: []mirror.FileSystem{w.spec}}))
}

func (w *world) devices() map[string]mirror.DeviceState { return w.manager.Observe()[0].Devices }

func (w *world) address(ns *host.Namespace, name, cidr string) {
	link, err := ns.Netlink().LinkByName(name)
	require.NoError(w.t, err)
	address, err := netlink.ParseAddr(cidr)
	require.NoError(w.t, err)
	require.NoError(w.t, ns.Netlink().AddrAdd(link, address))
	require.NoError(w.t, ns.Netlink().LinkSetUp(link))
}

// client is a network and mount namespace of its own, held by a sleeping process.
type client struct {
	w   *world
	dir string
	pid int
}

func (w *world) client() *client {
	t := w.t
	w.clients++
	ns, err := w.host.CreateNamespace(fmt.Sprintf("client%d", w.clients))
	require.NoError(t, err)
	target, _ := w.host.Namespace("target")
	port := fmt.Sprintf("p%d", w.clients)
	require.NoError(t, target.Netlink().LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: port}, PeerName: "eth0", PeerNamespace: netlink.NsFd(ns.FD())}))
	link, err := target.Netlink().LinkByName(port)
	require.NoError(t, err)
	bridge, err := target.Netlink().LinkByName("lan")
	require.NoError(t, err)
	require.NoError(t, target.Netlink().LinkSetMaster(link, bridge))
	require.NoError(t, target.Netlink().LinkSetUp(link))
	w.address(ns, "eth0", fmt.Sprintf("10.9.0.%d/24", 10+w.clients))

	dir := filepath.Join(w.dir, fmt.Sprintf("client%d", w.clients))
	require.NoError(t, os.Mkdir(dir, 0o755))
	holder := exec.Command("unshare", "--mount", "--propagation", "private", "sleep", "600")
	require.NoError(t, ns.Start(holder))
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	c := &client{w: w, dir: dir, pid: holder.Process.Pid}
	require.Eventually(t, func() bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.pid))
		return strings.TrimSpace(string(name)) == "sleep"
	}, 10*time.Second, 5*time.Millisecond)
	return c
}

func (c *client) command(name string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--target", strconv.Itoa(c.pid), "--net", "--mount", name}, args...)...)
}

// sh runs a script in the client, in its mount.
func (c *client) sh(script string) (string, error) {
	cmd := c.command("sh", "-c", "cd "+c.dir+" && "+script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func (c *client) must(script string) string {
	c.w.t.Helper()
	out, err := c.sh(script)
	require.NoError(c.w.t, err, "%s: %s", script, out)
	return out
}

// mount mounts the file system with options, and unmounts it when the test ends.
func (c *client) mount(source, options string) error {
	program, err := os.Executable()
	require.NoError(c.w.t, err)
	script := fmt.Sprintf("exec -a mount.efs %s %s %s -o mounttargetip=10.9.0.1,region=us-east-1,%s", program, source, c.dir, options)
	cmd := c.command("bash", "-c", script)
	cmd.Env = append(os.Environ(), "HAVEN_EFS_CA="+c.w.dir+"/ca.pem", "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=s3cret", "AWS_SESSION_TOKEN=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	c.w.t.Cleanup(func() { _ = c.command("umount", "-l", c.dir).Run() })
	return nil
}
