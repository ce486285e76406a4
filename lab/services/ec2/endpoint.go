package ec2

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// endpointRow is a VPC endpoint: a gateway that route tables use, interfaces at which a service answers, or the
// endpoint of a firewall. Endpoint policies are kept and returned; the lab does not enforce them.
type endpointRow struct {
	meta
	VPC         string
	Type        types.VpcEndpointType
	Service     string
	State       types.State
	Policy      string
	RouteTables []string
	Groups      []string
	Interfaces  []endpointInterface
	PrivateDNS  bool
	Suffix      string // the random part of its DNS names
	Zone        string // the id of its private hosted zone
	Requester   bool   // another service owns it
}

type endpointInterface struct{ Interface, Subnet, Zone string }

var endpoints = kind[endpointRow, *endpointRow]{
	Table: cloud.NewTable[endpointRow]("ec2.vpc-endpoints"), resource: types.ResourceTypeVpcEndpoint, prefix: "vpce",
	noun: "Vpc Endpoint Id", missing: "InvalidVpcEndpointId.NotFound", malformed: "InvalidVpcEndpointId.Malformed",
}

// openPolicy is the policy of an endpoint that was given none.
const openPolicy = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// CreateVpcEndpoint makes a gateway or an interface endpoint.
func (s *Service) CreateVpcEndpoint(ctx context.Context, in *ec2.CreateVpcEndpointInput) (*ec2.CreateVpcEndpointOutput, error) {
	if err := checkEndpointOptions(in.DnsOptions, in.IpAddressType, in.SubnetConfigurations); err != nil {
		return nil, err
	}
	policy, err := parsePolicy(in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	out := &ec2.CreateVpcEndpointOutput{ClientToken: in.ClientToken}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if other := aws.ToString(in.ServiceRegion); other != "" && other != region {
			return cloud.Unsupportedf("UnsupportedOperation", "endpoints for a service of another region, %s", other)
		}
		id, err := once(tx, region, "CreateVpcEndpoint", in.ClientToken, in, endpoints.exists(tx, region), func() (string, error) {
			head, err := endpoints.newMeta(in.TagSpecifications)
			if err != nil {
				return "", err
			}
			row := &endpointRow{
				meta: head, VPC: aws.ToString(in.VpcId), Service: aws.ToString(in.ServiceName), Policy: policy, State: types.StatePending,
				Type: cmp.Or(in.VpcEndpointType, types.VpcEndpointTypeGateway), Suffix: cloud.RandomHex(8), Zone: newZoneID(),
			}
			owner, err := vpcs.find(tx, region, row.VPC)
			if err != nil {
				return "", err
			}
			service, err := findEndpointService(region, row.Service)
			if err != nil {
				return "", err
			}
			if !slices.Contains(service.kinds, row.Type) {
				return "", cloud.Errorf("InvalidParameter", "Endpoint type (%s) does not match available service types (%v).", row.Type, service.kinds)
			}
			if row.Type == types.VpcEndpointTypeGateway {
				if len(in.SubnetIds)+len(in.SecurityGroupIds) > 0 {
					return "", cloud.Errorf("InvalidParameter", "Gateway endpoints have no subnets and no security groups")
				}
				return row.ID, createGatewayEndpoint(tx, region, row, in.RouteTableIds)
			}
			row.PrivateDNS = in.PrivateDnsEnabled == nil || *in.PrivateDnsEnabled
			return row.ID, s.createInterfaceEndpoint(tx, region, row, owner, in.SubnetIds, in.SecurityGroupIds)
		})
		if err != nil {
			return err
		}
		row, err := endpoints.find(tx, region, id)
		if err != nil {
			return err
		}
		shown, err := showEndpoint(tx, region, row)
		out.VpcEndpoint = &shown
		return err
	})
}

// newZoneID returns what looks like the id of a hosted zone.
func newZoneID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	id := []byte("Z0")
	for _, digit := range cloud.RandomHex(18) {
		id = append(id, letters[int(digit)%len(letters)])
	}
	return string(id)
}

func checkEndpointOptions(options *types.DnsOptionsSpecification, addresses types.IpAddressType, configurations []types.SubnetConfiguration) error {
	if addresses != "" && addresses != types.IpAddressTypeIpv4 {
		return cloud.Unsupportedf("UnsupportedOperation", "the address type %s", addresses)
	}
	if options != nil {
		if options.DnsRecordIpType != "" && options.DnsRecordIpType != types.DnsRecordIpTypeIpv4 && options.DnsRecordIpType != types.DnsRecordIpTypeServiceDefined {
			return cloud.Unsupportedf("UnsupportedOperation", "the DNS record type %s", options.DnsRecordIpType)
		}
		rest := *options
		rest.DnsRecordIpType = ""
		if err := refuse("DnsOptions", rest); err != nil {
			return err
		}
	}
	for _, configuration := range configurations {
		if err := refuse("SubnetConfigurations.Ipv4", configuration.Ipv4, "SubnetConfigurations.Ipv6", configuration.Ipv6); err != nil {
			return err
		}
	}
	return nil
}

func parsePolicy(document *string) (string, error) {
	if aws.ToString(document) == "" {
		return openPolicy, nil
	}
	if !json.Valid([]byte(*document)) {
		return "", cloud.Errorf("InvalidPolicyDocument", "The policy document is not valid JSON")
	}
	return *document, nil
}

func createGatewayEndpoint(tx *cloud.Tx, region string, row *endpointRow, tables []string) error {
	row.State = types.StateAvailable
	if err := addEndpointTables(tx, region, row, tables); err != nil {
		return err
	}
	return endpoints.save(tx, region, row)
}

// addEndpointTables has route tables send the service's prefix list through the endpoint.
func addEndpointTables(tx *cloud.Tx, region string, row *endpointRow, tables []string) error {
	others, err := endpoints.where(tx, region, func(r *endpointRow) bool {
		return r.Type == types.VpcEndpointTypeGateway && r.Service == row.Service && r.ID != row.ID
	})
	if err != nil {
		return err
	}
	for _, id := range tables {
		table, err := routeTables.find(tx, region, id)
		if err != nil {
			return err
		}
		if table.VPC != row.VPC {
			return cloud.Errorf("InvalidRouteTableId.NotFound", "The route table '%s' does not belong to %s", id, row.VPC)
		}
		taken := func(r *endpointRow) bool { return slices.Contains(r.RouteTables, id) }
		list := routeRow{PrefixList: row.prefixList(region)}
		if slices.ContainsFunc(others, taken) || taken(row) || table.routeTo(list) >= 0 {
			return cloud.Errorf("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", id, row.prefixList(region))
		}
		row.RouteTables = append(row.RouteTables, id)
	}
	return nil
}

// prefixList returns the id of the prefix list of a gateway endpoint's service.
func (r *endpointRow) prefixList(region string) string {
	for _, list := range prefixLists(region) {
		if list.name == r.Service {
			return list.id
		}
	}
	return ""
}

// DeleteVpcEndpoints deletes endpoints; what cannot be deleted is told in the answer.
func (s *Service) DeleteVpcEndpoints(ctx context.Context, in *ec2.DeleteVpcEndpointsInput) (*ec2.DeleteVpcEndpointsOutput, error) {
	out := &ec2.DeleteVpcEndpointsOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		for _, id := range in.VpcEndpointIds {
			row, err := endpoints.find(tx, region, id)
			if err == nil && row.Requester {
				err = cloud.Errorf("OperationNotPermitted", "The endpoint %s is managed by another service and cannot be deleted", id)
			}
			if err == nil {
				err = s.dropEndpoint(tx, region, row)
			}
			if err == nil {
				continue
			}
			item, err := unsuccessful(id, err)
			if err != nil {
				return err
			}
			out.Unsuccessful = append(out.Unsuccessful, item)
		}
		return nil
	})
}

func (s *Service) dropEndpoint(tx *cloud.Tx, region string, row *endpointRow) error {
	for _, nic := range row.Interfaces {
		if err := s.DeleteInterface(tx, region, nic.Interface); err != nil {
			return err
		}
	}
	return endpoints.remove(tx, region, row)
}
