package ec2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var endpointFilters = filterSet[types.VpcEndpoint]{
	tags: func(e *types.VpcEndpoint) []types.Tag { return e.Tags },
	named: map[string]func(*types.VpcEndpoint) []string{
		"ip-address-type":    func(e *types.VpcEndpoint) []string { return []string{string(e.IpAddressType)} },
		"service-name":       func(e *types.VpcEndpoint) []string { return text(e.ServiceName) },
		"service-region":     func(e *types.VpcEndpoint) []string { return text(e.ServiceRegion) },
		"vpc-id":             func(e *types.VpcEndpoint) []string { return text(e.VpcId) },
		"vpc-endpoint-id":    func(e *types.VpcEndpoint) []string { return text(e.VpcEndpointId) },
		"vpc-endpoint-state": func(e *types.VpcEndpoint) []string { return []string{string(e.State)} },
		"vpc-endpoint-type":  func(e *types.VpcEndpoint) []string { return []string{string(e.VpcEndpointType)} },
	},
}

// DescribeVpcEndpoints lists VPC endpoints.
func (s *Service) DescribeVpcEndpoints(ctx context.Context, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	out := &ec2.DescribeVpcEndpointsOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) (err error) {
		q := query{in.VpcEndpointIds, in.Filters, in.MaxResults, in.NextToken}
		out.VpcEndpoints, out.NextToken, err = describe(tx, region, endpoints, q, endpointFilters,
			func(row *endpointRow) (types.VpcEndpoint, error) { return showEndpoint(tx, region, row) })
		return err
	})
	return out, err
}

// DescribeVpcEndpointServiceConfigurations lists the account's own endpoint services, of which the lab has none.
func (s *Service) DescribeVpcEndpointServiceConfigurations(ctx context.Context, in *ec2.DescribeVpcEndpointServiceConfigurationsInput) (*ec2.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	if len(in.ServiceIds) > 0 {
		return nil, cloud.Errorf("InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '%s' does not exist", in.ServiceIds[0])
	}
	answer := page[types.ServiceConfiguration]{set: filterSet[types.ServiceConfiguration]{
		tags: func(c *types.ServiceConfiguration) []types.Tag { return c.Tags },
		named: map[string]func(*types.ServiceConfiguration) []string{
			"service-name":  func(c *types.ServiceConfiguration) []string { return text(c.ServiceName) },
			"service-id":    func(c *types.ServiceConfiguration) []string { return text(c.ServiceId) },
			"service-state": func(c *types.ServiceConfiguration) []string { return []string{string(c.ServiceState)} },
		},
	}}
	none, next, err := answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return &ec2.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: none, NextToken: next}, err
}

func showEndpoint(tx *cloud.Tx, region string, row *endpointRow) (types.VpcEndpoint, error) {
	shown := types.VpcEndpoint{
		VpcEndpointId: aws.String(row.ID), VpcEndpointType: row.Type, VpcId: aws.String(row.VPC), ServiceName: aws.String(row.Service),
		ServiceRegion: aws.String(region), State: wireState(row.State), OwnerId: aws.String(cloud.Account), CreationTimestamp: aws.Time(row.Created),
		RequesterManaged: aws.Bool(row.Requester), PrivateDnsEnabled: aws.Bool(row.PrivateDNS), Tags: tagList(row.Tags),
		RouteTableIds: row.RouteTables, IpAddressType: types.IpAddressTypeIpv4, PolicyDocument: optional(row.Policy),
		DnsOptions: &types.DnsOptions{DnsRecordIpType: types.DnsRecordIpTypeIpv4},
	}
	if row.Type == types.VpcEndpointTypeGateway {
		shown.DnsOptions.DnsRecordIpType = types.DnsRecordIpTypeServiceDefined
	}
	for _, nic := range row.Interfaces {
		shown.NetworkInterfaceIds = append(shown.NetworkInterfaceIds, nic.Interface)
		shown.SubnetIds = append(shown.SubnetIds, nic.Subnet)
	}
	for _, id := range row.Groups {
		group, err := securityGroups.find(tx, region, id)
		if err != nil {
			return shown, err
		}
		shown.Groups = append(shown.Groups, types.SecurityGroupIdentifier{GroupId: aws.String(id), GroupName: aws.String(group.Name)})
	}
	for _, name := range row.publicNames(region) {
		shown.DnsEntries = append(shown.DnsEntries, types.DnsEntry{DnsName: aws.String(name), HostedZoneId: aws.String(linkZones[region])})
	}
	if row.PrivateDNS {
		name := row.privateName(region)
		shown.DnsEntries = append(shown.DnsEntries, types.DnsEntry{DnsName: aws.String(name), HostedZoneId: aws.String(row.Zone)})
	}
	return shown, nil
}

// linkZones are the hosted zones of endpoint names in each region.
var linkZones = map[string]string{
	"us-east-1": "Z7HUB22UULQXV", "us-east-2": "ZC8PG0KIFKBRI", "us-west-2": "Z1YSA3EXCYUU9Z",
	"eu-west-1": "Z38GZ743OKFT7T", "eu-central-1": "Z273ZU8SZ5RJPC",
}

// wireState writes a state as the wire has it: the model's enum begins with capitals, AWS's answers do not.
func wireState(state types.State) types.State {
	return types.State(strings.ToLower(string(state[:1])) + string(state[1:]))
}

// publicNames are the endpoint's own names: one for all zones, then one for each.
func (r *endpointRow) publicNames(region string) []string {
	if r.Type != types.VpcEndpointTypeInterface {
		return nil
	}
	service := strings.TrimPrefix(r.Service, "com.amazonaws."+region+".")
	base := r.ID + "-" + r.Suffix
	names := []string{base + "." + service + "." + region + ".vpce.amazonaws.com"}
	for _, nic := range r.Interfaces {
		names = append(names, base+"-"+nic.Zone+"."+service+"."+region+".vpce.amazonaws.com")
	}
	return names
}

// privateName is the service's own name, which the VPC's resolver answers with the endpoint's addresses.
func (r *endpointRow) privateName(region string) string {
	service, err := findEndpointService(region, r.Service)
	if err != nil {
		return ""
	}
	return service.private
}
