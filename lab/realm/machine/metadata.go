package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"haven/lab/realm/machine/imds"
)

const (
	metadataAddress = "169.254.169.254"
	// metadataPort is where the service really listens. On port 80 it would keep the instance's own servers from port
	// 80 of all addresses.
	metadataPort = 64180
)

// metadataWay leads what is sent to the metadata service's port to where it listens.
var metadataWay = fmt.Sprintf(`table ip metadata
delete table ip metadata
table ip metadata {
	chain inside { type nat hook output priority -100; ip daddr %[1]s tcp dport 80 dnat to %[1]s:%[2]d; }
	chain behind { type nat hook prerouting priority -100; ip daddr %[1]s tcp dport 80 dnat to %[1]s:%[2]d; }
}
`, metadataAddress, metadataPort)

// serveMetadata answers at the metadata service's address inside the machine's namespace, which it adds there.
func (i *instance) serveMetadata(spec Spec) (*metadataServer, error) {
	link, err := spec.Namespace.Netlink().LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("finding loopback: %w", err)
	}
	address, err := netlink.ParseAddr(metadataAddress + "/32")
	if err != nil {
		return nil, err
	}
	if err := spec.Namespace.Netlink().AddrReplace(link, address); err != nil {
		return nil, fmt.Errorf("adding %s: %w", address, err)
	}
	if err := spec.Namespace.Nft(context.Background(), metadataWay); err != nil {
		return nil, fmt.Errorf("leading to the metadata service: %w", err)
	}
	listener, err := i.listenMetadata(spec)
	if err != nil {
		return nil, err
	}
	service := imds.New(i.metadata, func(ctx context.Context) (imds.Credentials, error) {
		fetch := i.facts().Credentials
		if fetch == nil {
			return imds.Credentials{}, errors.New("the instance has no role")
		}
		c, err := fetch(ctx)
		return imds.Credentials(c), err
	})
	server := &http.Server{Handler: service, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go server.Serve(listener)
	return &metadataServer{server, listener}, nil
}

// metadataServer is a running metadata service.
type metadataServer struct {
	*http.Server
	listener hopped
}

// hopped limits how many hops an answer survives, so that what is behind another router in the instance gets none.
type hopped struct {
	*net.TCPListener
	limit func() int // that holds when a connection is accepted
}

// Accept returns the next connection, limited.
func (h hopped) Accept() (net.Conn, error) {
	for {
		conn, err := h.AcceptTCP()
		if err != nil {
			return nil, err
		}
		if limitHops(conn, h.limit()) == nil {
			return conn, nil
		}
		conn.Close() // its client has gone
	}
}

// limitHops limits a connection, or the handshakes of a listener.
func limitHops(socket syscall.Conn, hops int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return setTTL(raw, hops)
}

func setTTL(raw syscall.RawConn, hops int) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, min(max(hops, 1), 64))
	})
	return errors.Join(err, failed)
}

func (i *instance) listenMetadata(spec Spec) (hopped, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return setTTL(raw, spec.Metadata.HopLimit) }}
	config.SetMultipathTCP(false) // such a socket has no limit of hops
	var listener net.Listener
	err := spec.Namespace.Do(func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp4", fmt.Sprintf("%s:%d", metadataAddress, metadataPort))
		return err
	})
	if err != nil {
		return hopped{}, err
	}
	return hopped{listener.(*net.TCPListener), func() int { return i.facts().Metadata.HopLimit }}, nil
}

// metadata returns the machine's facts as they are now.
func (i *instance) metadata() imds.Facts {
	s := i.facts()
	return imds.Facts{
		Enabled: s.Metadata.Enabled, TokensRequired: s.Metadata.TokensRequired, InstanceTags: s.Metadata.InstanceTags,
		AccountID: s.AccountID, Region: s.Region, Zone: s.Zone, ZoneID: s.ZoneID,
		InstanceID: s.ID, InstanceType: s.Type, ImageID: s.ImageID, ReservationID: s.ReservationID,
		Hostname: s.Hostname, LaunchedAt: s.LaunchedAt, UserData: s.UserData, Tags: s.Tags,
		InterfaceID: s.Interface.ID, MAC: s.Interface.MAC, Address: s.Interface.Address, Public: s.Interface.Public,
		SubnetID: s.Interface.SubnetID, VPCID: s.Interface.VPCID, SubnetCIDR: s.Interface.SubnetCIDR, VPCCIDR: s.Interface.VPCCIDR,
		SecurityGroups: s.Interface.SecurityGroups, SecurityGroupIDs: s.Interface.SecurityGroupIDs,
		ProfileARN: s.Profile, RoleName: s.Role,
	}
}
