package ec2

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Door returns the VPC endpoint through which a request came, and its policy: the one that owns the interface or,
// without an interface, the VPC's gateway endpoint for the service whose route the caller's subnet has. The id is empty
// when there is none (any more).
func (s *Service) Door(tx *cloud.Tx, service, vpcID, interfaceID, sourceIP string) (id, document string, err error) {
	for _, region := range cloud.Regions() {
		all, err := endpoints.List(tx, region.Name)
		if err != nil {
			return "", "", err
		}
		of := slices.DeleteFunc(slices.Clone(all), func(e *endpointRow) bool {
			return e.VPC != vpcID || interfaceID != "" && !e.has(interfaceID) ||
				interfaceID == "" && (e.Type != types.VpcEndpointTypeGateway || !strings.HasSuffix(e.Service, "."+service))
		})
		if len(of) == 0 {
			continue
		}
		chosen := of[0]
		if len(of) > 1 { // gateway endpoints that serve different subnets
			table, err := tableAt(tx, region.Name, vpcID, sourceIP)
			if err != nil {
				return "", "", err
			}
			if i := slices.IndexFunc(of, func(e *endpointRow) bool { return slices.Contains(e.RouteTables, table) }); i >= 0 {
				chosen = of[i]
			}
		}
		if chosen.Policy == openPolicy {
			return chosen.ID, "", nil
		}
		return chosen.ID, chosen.Policy, nil
	}
	return "", "", nil
}

func (r *endpointRow) has(interfaceID string) bool {
	return slices.ContainsFunc(r.Interfaces, func(i endpointInterface) bool { return i.Interface == interfaceID })
}

// tableAt returns the route table of the subnet that an address of the VPC is in, or "".
func tableAt(tx *cloud.Tx, region, vpcID, sourceIP string) (string, error) {
	address, err := netip.ParseAddr(sourceIP)
	if err != nil {
		return "", nil // a caller without an address of the VPC
	}
	all, err := subnets.List(tx, region)
	if err != nil {
		return "", err
	}
	tables, err := routeTables.List(tx, region)
	if err != nil {
		return "", err
	}
	for _, subnet := range all {
		if subnet.VPC == vpcID && subnet.CIDR.Contains(address) {
			return (&declaration{tables: tables}).tableOf(subnet), nil
		}
	}
	return "", nil
}
