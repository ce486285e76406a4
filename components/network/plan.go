package network

import (
	"errors"
	"fmt"
	"net/netip"

	"haven/components/zones"
)

// Tier is a kind of subnet; each zone has one subnet of every tier.
type Tier string

// The tiers, from the outside in.
const (
	Edge   Tier = "edge"   // firewall endpoints
	Public Tier = "public" // balancer nodes and NAT gateways
	App    Tier = "app"    // web servers and interface endpoints
	Data   Tier = "data"   // database members
	Mirror Tier = "mirror" // mount targets of the shared file system
)

// Tiers lists every tier in the order in which people read a diagram.
func Tiers() []Tier { return []Tier{Edge, Public, App, Data, Mirror} }

// slot is a tier's fixed place inside its zone's block. Both numbers are fixed
// for good: a tier that comes later takes an unused place, so that no other
// subnet moves.
type slot struct {
	start int // in units of 1/128 of the zone's block
	bits  int // how much longer the subnet's prefix is than the VPC's
}

// The zone's block is cut into 128 units; a prefix that is 4 bits longer than
// the VPC's covers 64 of them, 6 bits cover 16 and 10 bits one. Units 113 to
// 127 are free for tiers to come.
var slots = map[Tier]slot{
	App:    {start: 0, bits: 4},
	Public: {start: 64, bits: 6},
	Data:   {start: 80, bits: 6},
	Mirror: {start: 96, bits: 6},
	Edge:   {start: 112, bits: 10},
}

const (
	zoneBits = 3  // eight zone blocks in a VPC, one a letter
	unitBits = 10 // the smallest piece: 1/128 of a zone's block

	// A firewall endpoint's subnet may not be smaller than /28, AWS's own limit
	// for subnets, and a VPC not larger than /16.
	// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
	widestVPC    = 16
	narrowestVPC = 18
)

// Subnet is one planned subnet.
type Subnet struct {
	Name string // tier and zone letter, such as app-a: the stable part of every logical name
	Tier Tier
	Zone zones.Zone
	CIDR netip.Prefix
}

// Plan is the whole address and routing plan of a VPC: pure data.
type Plan struct {
	VPC     netip.Prefix
	Zones   []zones.Zone
	Subnets []Subnet
	Routes  []Route
	ACLs    []ACL
}

// NewPlan lays the subnets, routes and access lists of a VPC out. The error
// lists everything that is wrong with the input.
func NewPlan(cidr string, spread []zones.Zone) (*Plan, error) {
	vpc, err := parseVPC(cidr)
	problems := []error{err}
	if len(spread) < zones.Fewest {
		problems = append(problems, fmt.Errorf("%d zones: expected at least %d", len(spread), zones.Fewest))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	plan := &Plan{VPC: vpc, Zones: spread}
	for _, zone := range spread {
		for _, tier := range Tiers() {
			plan.Subnets = append(plan.Subnets, planSubnet(vpc, zone, tier))
		}
	}
	plan.Routes = planRoutes(plan.Subnets)
	plan.ACLs = planACLs(vpc)
	return plan, nil
}

// Subnet returns the planned subnet of a zone and tier.
func (p *Plan) Subnet(letter string, tier Tier) (Subnet, bool) {
	for _, subnet := range p.Subnets {
		if subnet.Zone.Letter == letter && subnet.Tier == tier {
			return subnet, true
		}
	}
	return Subnet{}, false
}

func parseVPC(cidr string) (netip.Prefix, error) {
	vpc, err := netip.ParsePrefix(cidr)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("VPC block %q: expected IPv4 CIDR notation such as 10.20.0.0/16", cidr)
	case !vpc.Addr().Is4() || vpc.Bits() < widestVPC || vpc.Bits() > narrowestVPC:
		return netip.Prefix{}, fmt.Errorf("VPC block %q: expected an IPv4 block from /%d to /%d", cidr, widestVPC, narrowestVPC)
	case vpc.Masked() != vpc:
		return netip.Prefix{}, fmt.Errorf("VPC block %q: expected its first address, %s", cidr, vpc.Masked())
	case !vpc.Addr().IsPrivate():
		return netip.Prefix{}, fmt.Errorf("VPC block %q: expected private addresses (RFC 1918)", cidr)
	}
	return vpc, nil
}

func planSubnet(vpc netip.Prefix, zone zones.Zone, tier Tier) Subnet {
	return Subnet{
		Name: string(tier) + "-" + zone.Letter,
		Tier: tier,
		Zone: zone,
		CIDR: place(vpc, zone, slots[tier]),
	}
}

// place depends on the VPC's block, the zone's letter and the slot, and on
// nothing else: that is why adding a zone or tier moves no other subnet.
func place(vpc netip.Prefix, zone zones.Zone, where slot) netip.Prefix {
	unit := uint32(1) << (32 - vpc.Bits() - unitBits)
	zoneBlock := uint32(1) << (32 - vpc.Bits() - zoneBits)
	base := toUint(vpc.Addr()) + uint32(zone.Index())*zoneBlock + uint32(where.start)*unit
	return netip.PrefixFrom(toAddr(base), vpc.Bits()+where.bits)
}

func toUint(addr netip.Addr) uint32 {
	b := addr.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func toAddr(value uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)})
}
