package ec2

import (
	"encoding/binary"
	"net/netip"

	"haven/lab/cloud"
)

// reservedAtStart and the last address are AWS's own in each subnet
// (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
const reservedAtStart = 4

// parseCIDR reads an IPv4 block. AWS drops host bits silently for a VPC or subnet: so does this.
func parseCIDR(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || !prefix.Addr().Is4() {
		return netip.Prefix{}, cloud.Errorf("InvalidParameterValue",
			"Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	return prefix.Masked(), nil
}

// within tells whether a block lies wholly inside another.
func within(inner, outer netip.Prefix) bool {
	return inner.Bits() >= outer.Bits() && outer.Contains(inner.Addr())
}

// size is the number of addresses in a block.
func size(prefix netip.Prefix) uint64 { return 1 << (32 - prefix.Bits()) }

// nth returns the block's address at an offset.
func nth(prefix netip.Prefix, offset uint64) netip.Addr {
	raw := prefix.Masked().Addr().As4()
	var out [4]byte
	binary.BigEndian.PutUint32(out[:], binary.BigEndian.Uint32(raw[:])+uint32(offset))
	return netip.AddrFrom4(out)
}

// usable is the number of addresses that AWS leaves to the user.
func usable(prefix netip.Prefix) uint64 { return size(prefix) - reservedAtStart - 1 }

// isUsable tells whether the user may have the address in the subnet.
func isUsable(prefix netip.Prefix, addr netip.Addr) bool {
	if !prefix.Contains(addr) {
		return false
	}
	raw, base := addr.As4(), prefix.Masked().Addr().As4()
	offset := uint64(binary.BigEndian.Uint32(raw[:]) - binary.BigEndian.Uint32(base[:]))
	return offset >= reservedAtStart && offset < size(prefix)-1
}

// freeAddress returns a free usable address: the first from a starting point, going round. It asks taken at most
// once an address and returns the zero address when all are.
func freeAddress(prefix netip.Prefix, start uint64, taken func(netip.Addr) (bool, error)) (netip.Addr, error) {
	count := usable(prefix)
	for i := range count {
		addr := nth(prefix, reservedAtStart+(start+i)%count)
		used, err := taken(addr)
		if err != nil {
			return netip.Addr{}, err
		}
		if !used {
			return addr, nil
		}
	}
	return netip.Addr{}, nil
}
