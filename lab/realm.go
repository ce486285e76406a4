package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"haven/lab/daemon"
	"haven/lab/realm/balancer"
	"haven/lab/realm/dns"
	"haven/lab/realm/host"
	"haven/lab/realm/machine"
	"haven/lab/realm/mirror"
	"haven/lab/realm/postgres"
	"haven/lab/realm/vpc"
	"haven/lab/services/ec2"
	"haven/lab/services/elasticloadbalancingv2"
	"haven/lab/services/rds"
	"haven/lab/traffic"
	"haven/lab/wire"
)

// RealmRunning is what the status says where things can really run.
const RealmRunning = "running"

type namesTable = *dns.Table

// realm is all that really runs.
type realm struct {
	host      *host.Host
	network   *vpc.Network
	machines  *machine.Manager
	balancers *balancer.Manager
	databases *postgres.Manager
	mirrors   *mirror.Manager

	events *lateEvents
}

// runDir is where the lab's own mount namespace has memory to keep what must not outlive it.
const runDir = "/run/haven"

// openRealm makes the managers. Without privileges it says why, and the API stands alone.
func openRealm(l *lab, handler http.Handler) (*realm, error) {
	if err := host.Privileged(); err != nil {
		return nil, err
	}
	if err := privateRun(); err != nil {
		return nil, err
	}
	h, err := host.New("/run/netns", l.log)
	if err != nil {
		return nil, err
	}
	r := &realm{host: h, events: &lateEvents{traffic: l.traffic}}
	r.network = vpc.New(h, vpc.Options{Names: l.names, Log: l.log, Flows: r.events.flows, Serve: func(listener net.Listener) { serveInside(l, listener, handler) }})
	if err := r.network.Apply(context.Background(), vpc.Spec{}); err != nil {
		return nil, fmt.Errorf("making the internet: %w", err)
	}
	return r, r.openManagers(l)
}

func (r *realm) openManagers(l *lab) (err error) {
	if err := balancer.Available(); err != nil {
		return err
	}
	r.balancers = balancer.New(balancer.Options{Dir: filepath.Join(runDir, "balancers"), Namespace: r.network.Namespace, Log: l.log, Access: r.events.access})
	r.machines, err = machine.New(r.host, machine.Options{
		Dir: filepath.Join(l.config.Dir, "instances"), Authority: l.authority.CertificatePEM(), Hidden: []string{l.config.Dir},
	})
	if err != nil {
		return err
	}
	databases, err := passable(filepath.Join(l.config.Dir, "databases"), filepath.Join(runDir, "databases"))
	if err != nil {
		return err
	}
	r.databases, err = postgres.New(postgres.Options{
		Dir: databases, Issue: l.authority.Issue, Log: l.log, Event: r.events.server, LogLine: r.events.line, Reach: reach, VolumeBytes: databaseVolume,
	})
	if err != nil {
		return err
	}
	r.mirrors, err = mirror.New(mirror.Options{Dir: filepath.Join(l.config.Dir, "filesystems"), TLS: l.authority.TLSConfig(), Log: l.log})
	return err
}

// databaseVolume is how much the tables of one database instance may hold. The file behind it is sparse.
const databaseVolume = 8 << 30

// reach tells whether the network behind an interface is alive, whatever security groups and ACLs let through: its
// router answers for one of the others' addresses.
func reach(ctx context.Context, from *host.Namespace, others []netip.Addr) error {
	return from.Hop(ctx, others[0])
}

// privateRun puts memory over /run. The lab's mount namespace is its own, so the host's /run stays as it is; a
// process that the lab's init did not start must not do it.
func privateRun() error {
	if os.Getenv(daemon.HostPIDVariable) == "" || os.Getppid() != 1 {
		return errors.New("the lab's serving process was started by hand, in the host's own namespaces; type: haven lab start")
	}
	if err := unix.Mount("haven", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("putting memory over /run: %w", err)
	}
	return os.MkdirAll(runDir, 0o755)
}

// passable shows a folder at a place whose parents every user may pass, as PostgreSQL's user must.
func passable(dir, at string) (string, error) {
	for _, path := range []string{dir, at} {
		if err := os.MkdirAll(path, 0o711); err != nil {
			return "", fmt.Errorf("making %s: %w", path, err)
		}
	}
	if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
		return "", fmt.Errorf("showing %s at %s: %w", dir, at, err)
	}
	return at, nil
}

// serveInside answers the AWS API on a listener inside the lab's networks: by TLS on 443, plainly elsewhere.
func serveInside(l *lab, listener net.Listener, handler http.Handler) {
	origin := vpc.OriginOf(listener)
	door := wire.Door{VPC: origin.VPC, Interface: origin.Interface}
	if address, ok := listener.Addr().(*net.TCPAddr); ok && address.Port == 443 {
		listener = tls.NewListener(listener, l.authority.TLSConfig())
	}
	go func() {
		err := newServer(handler, l.log, door).Serve(listener)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			l.log.Warn("a service endpoint inside a network ended", "address", listener.Addr(), "error", err)
		}
	}()
}

// close ends in the order in which things lean on each other. What it does not reach, the kernel ends with the lab.
func (r *realm) close() {
	if r == nil {
		return
	}
	for _, c := range []interface{ Close() error }{r.machines, r.balancers, r.mirrors, r.databases, r.network, r.host} {
		if err := c.Close(); err != nil {
			r.host.Log().Warn("closing the realm", "error", err)
		}
	}
}

// lateEvents passes the realm's events on to services that are made after it.
type lateEvents struct {
	ec2       *ec2.Service
	databases *rds.Service
	balancers *elasticloadbalancingv2.Service
	traffic   *traffic.Meter
}

func (e *lateEvents) flows(flows []vpc.Flow) {
	if e.ec2 != nil {
		e.ec2.RecordFlows(flows)
	}
}

func (e *lateEvents) server(event postgres.Event) {
	if e.databases != nil {
		e.databases.ServerEvent(event)
	}
}

func (e *lateEvents) line(cluster, member, line string) {
	if e.databases != nil {
		e.databases.ServerLine(cluster, member, line)
	}
}

func (e *lateEvents) access(entry balancer.Entry) {
	if e.traffic != nil && !entry.Refused {
		e.traffic.Add(request(entry))
	}
	if e.balancers != nil {
		e.balancers.Access(entry)
	}
}
