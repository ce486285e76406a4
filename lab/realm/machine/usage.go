package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"haven/lab/realm/host"
)

// Usage is what a machine has used since its boot.
type Usage struct {
	CPU       time.Duration // of all its processors together
	Memory    int64         // bytes now, with the page cache that it filled
	Processes int           // now

	BytesIn, BytesOut     uint64 // over its primary interface, since that was made
	PacketsIn, PacketsOut uint64
	Volume                VolumeUsage
	Credits               float64 // of a burstable type, now
}

// VolumeUsage is what was read and written of a root volume.
type VolumeUsage struct {
	ReadOps, WriteOps     uint64
	ReadBytes, WriteBytes uint64
}

// Usage measures a running machine; ok is false when it does not run or can't be measured here.
func (m *Manager) Usage(id string) (usage Usage, ok bool) {
	i, err := m.instance(id)
	if err != nil {
		return Usage{}, false
	}
	p := i.current()
	if p == nil {
		return Usage{}, false
	}
	cpu, err1 := p.group.read("cpuacct", "cpuacct.usage")
	memory, err2 := p.group.read("memory", "memory.usage_in_bytes")
	processes, err3 := p.group.read("pids", "pids.current")
	usage = Usage{CPU: time.Duration(cpu), Memory: memory, Processes: int(processes)}
	err4 := usage.measureNetwork(i.facts().Namespace)
	usage.Volume, err = p.volume.usage()
	usage.Credits = p.creditsLeft()
	return usage, errors.Join(err1, err2, err3, err4, err) == nil
}

// primaryLink is an interface's name in its namespace.
const primaryLink = "eth0"

func (u *Usage) measureNetwork(namespace *host.Namespace) error {
	link, err := namespace.Netlink().LinkByName(primaryLink)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil // a machine without a network
	}
	if err != nil {
		return err
	}
	if s := link.Attrs().Statistics; s != nil {
		u.BytesIn, u.BytesOut, u.PacketsIn, u.PacketsOut = s.RxBytes, s.TxBytes, s.RxPackets, s.TxPackets
	}
	return nil
}

func (g cgroup) read(controller, file string) (int64, error) {
	if g[controller] == "" {
		return 0, fmt.Errorf("there is no cgroup controller %s", controller)
	}
	text, err := os.ReadFile(filepath.Join(g[controller], file))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
