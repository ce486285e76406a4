package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// nameTTL is the time to live of the names that EC2 gives.
const nameTTL = 60

// Names lists the DNS records that follow from EC2's state: the names of interfaces and of interface endpoints.
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	var records []dns.Record
	for _, region := range cloud.Regions() {
		around, err := survey(tx, region.Name)
		if err != nil {
			return nil, err
		}
		nics, err := interfaces.List(tx, region.Name)
		if err != nil {
			return nil, err
		}
		for _, nic := range nics {
			records = append(records, around.interfaceNames(nic)...)
		}
		doors, err := endpoints.where(tx, region.Name, func(e *endpointRow) bool { return e.Type == types.VpcEndpointTypeInterface })
		if err != nil {
			return nil, err
		}
		for _, door := range doors {
			records = append(records, door.names(region.Name, around)...)
		}
	}
	return records, nil
}

// interfaceNames gives an interface its private name inside its VPC and, if it has a public address, its public name:
// inside the VPC that is the private address
// (https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames).
func (a *surroundings) interfaceNames(nic *interfaceRow) []dns.Record {
	private := []string{nic.Address.String()}
	records := []dns.Record{{Name: privateName(a.region, private[0]), Type: dns.TypeA, TTL: nameTTL, Values: private, VPC: nic.VPC}}
	if addr, name, _ := a.publicOf(nic); name != "" {
		records = append(records,
			dns.Record{Name: name, Type: dns.TypeA, TTL: nameTTL, Values: []string{addr.String()}},
			dns.Record{Name: name, Type: dns.TypeA, TTL: nameTTL, Values: private, VPC: nic.VPC})
	}
	return records
}

// names gives an interface endpoint its own names, one for each zone and one for all, and the service's own name inside
// the VPC if it has private DNS.
func (r *endpointRow) names(region string, around *surroundings) []dns.Record {
	var all []string
	byZone := map[string]string{}
	for _, place := range r.Interfaces {
		if nic := around.nics[place.Interface]; nic != nil {
			all = append(all, nic.Address.String())
			byZone[place.Zone] = nic.Address.String()
		}
	}
	if len(all) == 0 {
		return nil
	}
	public := r.publicNames(region)
	records := []dns.Record{{Name: public[0], Type: dns.TypeA, TTL: nameTTL, Values: all}}
	for i, place := range r.Interfaces {
		if address := byZone[place.Zone]; address != "" {
			records = append(records, dns.Record{Name: public[i+1], Type: dns.TypeA, TTL: nameTTL, Values: []string{address}})
		}
	}
	if r.PrivateDNS {
		name := r.privateName(region)
		records = append(records, dns.Record{Name: name, Type: dns.TypeA, TTL: nameTTL, Values: all, VPC: r.VPC})
		if bare, ok := strings.CutPrefix(name, "*."); ok {
			records = append(records, dns.Record{Name: bare, Type: dns.TypeA, TTL: nameTTL, Values: all, VPC: r.VPC})
		}
	}
	return records
}
