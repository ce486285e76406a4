package ec2

import (
	"math/rand/v2"
	"net/netip"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// maxAddresses is the quota of elastic addresses in a region: AWS's is 5
// (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html); the lab's is what accounts commonly ask for.
const maxAddresses = 100

// elasticRow is an elastic address.
type elasticRow struct {
	meta
	Public      netip.Addr
	Association string // empty: none
	Interface   string
	Service     string // the service that manages the association, such as "nat_gateway"
}

// takePublic gives the interface a public address of AWS's pool.
func takePublic(tx *cloud.Tx, _ string, row *interfaceRow) (err error) {
	row.Public, err = reservePublic(tx, publicRow{Interface: row.ID})
	return err
}

func reservePublic(tx *cloud.Tx, owner publicRow) (netip.Addr, error) {
	taken := func(addr netip.Addr) (bool, error) {
		row, err := publicAddresses.Get(tx, cloud.Global, addr.String())
		return row != nil, err
	}
	addr, err := freeAddress(vpc.PublicRange, rand.Uint64N(usable(vpc.PublicRange)), taken)
	if err != nil {
		return addr, err
	}
	if !addr.IsValid() {
		return addr, cloud.Errorf("InsufficientAddressCapacity", "Not enough available addresses to satisfy your request.")
	}
	return addr, publicAddresses.Put(tx, cloud.Global, addr.String(), &owner)
}

// publicOf returns the public address of an interface and, when it is an elastic one, that.
func publicOf(tx *cloud.Tx, region string, row *interfaceRow) (netip.Addr, *elasticRow, error) {
	elastic, err := elasticOf(tx, region, row.ID)
	if err != nil || elastic == nil {
		return row.Public, nil, err
	}
	return elastic.Public, elastic, nil
}

func elasticOf(tx *cloud.Tx, region, interfaceID string) (*elasticRow, error) {
	found, err := elastics.where(tx, region, func(e *elasticRow) bool { return e.Interface == interfaceID })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// associate points an elastic address at an interface. It must be free.
func associate(tx *cloud.Tx, region, allocation string, row *interfaceRow) error {
	elastic, err := elastics.find(tx, region, allocation)
	if err != nil {
		return err
	}
	if elastic.Interface != "" && elastic.Interface != row.ID {
		return cloud.Errorf("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s",
			elastic.ID, elastic.Association)
	}
	elastic.Association, elastic.Interface = cloud.NewID("eipassoc"), row.ID
	return elastics.save(tx, region, elastic)
}

// disassociateInterface frees the elastic address of an interface, if it has one.
func disassociateInterface(tx *cloud.Tx, region, interfaceID string) error {
	elastic, err := elasticOf(tx, region, interfaceID)
	if err != nil || elastic == nil {
		return err
	}
	elastic.Association, elastic.Interface, elastic.Service = "", "", ""
	return elastics.save(tx, region, elastic)
}
