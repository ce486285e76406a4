package vpc

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
)

// MAC returns the hardware address of an interface that declares none: stable, unicast and locally administered.
func MAC(interfaceID string) string { return mac("interface", interfaceID) }

func mac(kind, id string) string {
	sum := sha256.Sum256([]byte(kind + " " + id))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}.String()
}

// linkName returns a name that fits an interface's 15 characters.
func linkName(prefix, id string) string {
	sum := sha256.Sum256([]byte(id))
	return prefix + hex.EncodeToString(sum[:])[:12]
}

// identifier returns an AWS id as nftables accepts it for a chain or set.
func identifier(id string) string {
	return strings.ReplaceAll(strings.ReplaceAll(id, "-", "_"), ".", "_")
}

// numbers gives each id a number in [base, base+size) that hardly ever changes when other ids come and go, so that a
// new route table does not renumber the others.
func numbers(ids []string, base, size int) map[string]int {
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(sorted) > size {
		panic(fmt.Sprintf("numbering %d ids with %d numbers", len(sorted), size))
	}
	given := make(map[string]int, len(sorted))
	taken := make(map[int]bool, len(sorted))
	for _, id := range sorted {
		sum := sha256.Sum256([]byte(id))
		n := int(binary.BigEndian.Uint32(sum[:4]) % uint32(size))
		for taken[n] {
			n = (n + 1) % size
		}
		taken[n] = true
		given[id] = base + n
	}
	return given
}

func gatewaySpace(vpcID string) string { return "gwe-" + vpcID }
