package overview

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	efstypes "github.com/aws/aws-sdk-go-v2/service/efs/types"
)

func (b *builder) addDatabases() {
	writers, tiers := map[string]bool{}, map[string]int{}
	for _, cluster := range b.facts.Clusters {
		for _, member := range cluster.DBClusterMembers {
			id := value(member.DBInstanceIdentifier)
			writers[id], tiers[id] = value(member.IsClusterWriter), int(value(member.PromotionTier))
		}
	}
	for _, instance := range b.facts.Databases {
		id, status := value(instance.DBInstanceIdentifier), value(instance.DBInstanceStatus)
		x := Member{
			Thing: Thing{ID: id, Group: value(instance.DBClusterIdentifier), State: status, Health: statusHealth(status)},
			Role:  "reader", Tier: tiers[id],
		}
		if instance.Endpoint != nil {
			x.Address = value(instance.Endpoint.Address)
		}
		if writers[id] {
			x.Role = "writer"
		}
		zone := value(instance.AvailabilityZone)
		seen, known := b.facts.Members[id]
		if known {
			x.observe(seen)
		}
		b.flow(&x.Thing, seen.Interface)
		b.faultsOn(&x.Thing, zone, seen.Interface, "zone-power")
		b.zone(zone).Database = append(b.zone(zone).Database, x)
	}
	for _, zone := range b.zones {
		slices.SortFunc(zone.Database, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	}
}

// observe adds what the realm sees: a member that is down is failing before AWS would say so.
func (x *Member) observe(seen DatabaseMember) {
	x.Synchronous = seen.Synchronous
	if x.Role == "reader" && seen.Streaming {
		lag := seen.Lag.Seconds()
		x.Lag = &lag
	}
	switch {
	case x.Health != Well:
		x.Reason = seen.Reason
	case seen.Phase == "down":
		x.Health, x.Reason = Failing, cmp.Or(seen.Reason, "does not answer")
	case seen.Phase != "" && seen.Phase != "available":
		x.Health, x.Reason = Busy, cmp.Or(seen.Reason, seen.Phase)
	}
}

// statusHealth sorts the statuses of databases
// (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/accessing-monitoring.html#Aurora.Status).
func statusHealth(status string) Health {
	switch {
	case status == "available":
		return Well
	case status == "stopped":
		return Off
	case status == "failed", status == "storage-full", strings.HasPrefix(status, "incompatible"), strings.HasPrefix(status, "inaccessible"):
		return Failing
	}
	return Busy
}

func (b *builder) clusters() []Cluster {
	all := []Cluster{}
	for _, cluster := range b.facts.Clusters {
		x := Cluster{Name: value(cluster.DBClusterIdentifier), Status: value(cluster.Status), Address: value(cluster.Endpoint)}
		for _, member := range cluster.DBClusterMembers {
			if value(member.IsClusterWriter) {
				x.Writer = value(member.DBInstanceIdentifier)
			}
		}
		all = append(all, x)
	}
	return all
}

func (b *builder) addFiles() {
	for _, mount := range b.facts.Mounts {
		disks := b.facts.Disks[value(mount.FileSystemId)]
		x := Mount{Thing: Thing{
			ID: value(mount.MountTargetId), Group: value(mount.FileSystemId), State: string(mount.LifeCycleState),
			Health: fileHealth(mount.LifeCycleState), Address: value(mount.IpAddress),
		}}
		x.Clients = disks.Clients[x.ID]
		if x.Health == Well && disks.Serving != nil && !disks.Serving[x.ID] {
			x.Health, x.Reason = Failing, "serves nobody"
		}
		zone := value(mount.AvailabilityZoneName)
		b.flow(&x.Thing, value(mount.NetworkInterfaceId))
		b.faultsOn(&x.Thing, zone, value(mount.NetworkInterfaceId), "zone-power")
		b.zone(zone).Mounts = append(b.zone(zone).Mounts, x)
	}
	for _, system := range slices.Sorted(maps.Keys(b.facts.Disks)) {
		b.addCopies(system, b.facts.Disks[system])
	}
}

func (b *builder) addCopies(system string, disks Disks) {
	for _, zone := range slices.Sorted(maps.Keys(disks.Copies)) {
		x := Copy{Thing{ID: system, Group: system, State: disks.Copies[zone], Health: Failing}}
		switch x.State {
		case "healthy":
			x.Health = Well
		case "healing":
			x.Health = Busy
		}
		b.faultsOn(&x.Thing, zone, "", "disk", "zone-power")
		b.zone(zone).Copies = append(b.zone(zone).Copies, x)
	}
}

func fileHealth(state efstypes.LifeCycleState) Health {
	switch state {
	case efstypes.LifeCycleStateAvailable:
		return Well
	case efstypes.LifeCycleStateError:
		return Failing
	}
	return Busy
}

func (b *builder) files() []Files {
	all := []Files{}
	for _, system := range b.facts.FileSystems {
		x := Files{ID: value(system.FileSystemId), Name: value(system.Name), State: string(system.LifeCycleState)}
		disks := b.facts.Disks[x.ID]
		x.Used, x.Zones = disks.Used, len(disks.Copies)
		for _, state := range disks.Copies {
			if state == "healthy" {
				x.Copies++
			}
		}
		all = append(all, x)
	}
	return all
}
