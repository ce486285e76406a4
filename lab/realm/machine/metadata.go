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

const metadataAddress = "169.254.169.254"

// serveMetadata answers at the metadata service's address inside the machine's namespace, which it adds there.
func (i *instance) serveMetadata(spec Spec) (*http.Server, error) {
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
	listener, err := listenMetadata(spec)
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
	return server, nil
}

// listenMetadata limits how many hops an answer survives, so that what is behind another router in the instance gets none.
func listenMetadata(spec Spec) (listener net.Listener, err error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, min(max(spec.Metadata.HopLimit, 1), 64))
		})
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(false) // such a socket has no limit of hops
	err = spec.Namespace.Do(func() error {
		listener, err = config.Listen(context.Background(), "tcp4", metadataAddress+":80")
		return err
	})
	return listener, err
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
