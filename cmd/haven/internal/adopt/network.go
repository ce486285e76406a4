package adopt

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func filters(pairs ...string) []types.Filter {
	var all []types.Filter
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, types.Filter{Name: aws.String(pairs[i]), Values: []string{pairs[i+1]}})
	}
	return all
}

// tagged finds EC2's resource of a kind by its tag Name, which every component of the program sets.
func tagged(kind string) finder {
	return func(ctx context.Context, q question) (string, error) {
		if q.in.Name() == "" {
			return "", fmt.Errorf("the %s has no tag Name to look for", kind)
		}
		out, err := ec2.NewFromConfig(q.config).DescribeTags(ctx, &ec2.DescribeTagsInput{
			Filters: filters("resource-type", kind, "key", "Name", "value", q.in.Name()),
		})
		if err != nil {
			return "", err
		}
		for _, tag := range out.Tags {
			if id := aws.ToString(tag.ResourceId); q.free(id) {
				return id, nil
			}
		}
		return "", nil
	}
}

func subnet(ctx context.Context, q question) (string, error) {
	out, err := ec2.NewFromConfig(q.config).DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{
		Filters: filters("vpc-id", q.in.Text("vpcId"), "cidr-block", q.in.Text("cidrBlock")),
	})
	if err != nil || len(out.Subnets) == 0 || !q.free(aws.ToString(out.Subnets[0].SubnetId)) {
		return "", err
	}
	return *out.Subnets[0].SubnetId, nil
}

// natGateway and vpcEndpoint are not found by tags alone: what was deleted keeps its tags for a while.
func natGateway(ctx context.Context, q question) (string, error) {
	out, err := ec2.NewFromConfig(q.config).DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: filters("subnet-id", q.in.Text("subnetId"))})
	if err != nil {
		return "", err
	}
	for _, one := range out.NatGateways {
		alive := one.State == types.NatGatewayStatePending || one.State == types.NatGatewayStateAvailable
		ours := slices.ContainsFunc(one.NatGatewayAddresses, func(a types.NatGatewayAddress) bool {
			return aws.ToString(a.AllocationId) == q.in.Text("allocationId")
		})
		if id := aws.ToString(one.NatGatewayId); alive && ours && q.free(id) {
			return id, nil
		}
	}
	return "", nil
}

func vpcEndpoint(ctx context.Context, q question) (string, error) {
	out, err := ec2.NewFromConfig(q.config).DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{
		Filters: filters("vpc-id", q.in.Text("vpcId"), "service-name", q.in.Text("serviceName")),
	})
	if err != nil {
		return "", err
	}
	for _, one := range out.VpcEndpoints {
		// The API writes states in lower case, and the SDK's constants do not.
		gone := one.State == "deleting" || one.State == "deleted" || one.State == types.StateDeleting || one.State == types.StateDeleted
		if id := aws.ToString(one.VpcEndpointId); !gone && q.free(id) {
			return id, nil
		}
	}
	return "", nil
}

func routeTable(ctx context.Context, q question) (*types.RouteTable, error) {
	out, err := ec2.NewFromConfig(q.config).DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{q.in.Text("routeTableId")}})
	if err != nil || len(out.RouteTables) == 0 {
		return &types.RouteTable{}, err
	}
	return &out.RouteTables[0], nil
}

// route returns the provider's own id of a route: the table and a checksum of the destination.
func route(ctx context.Context, q question) (string, error) {
	table, err := routeTable(ctx, q)
	if err != nil {
		return "", err
	}
	for _, one := range table.Routes {
		for key, at := range map[string]*string{
			"destinationCidrBlock": one.DestinationCidrBlock, "destinationIpv6CidrBlock": one.DestinationIpv6CidrBlock,
			"destinationPrefixListId": one.DestinationPrefixListId,
		} {
			if wanted := q.in.Text(key); wanted != "" && wanted == aws.ToString(at) && one.Origin == types.RouteOriginCreateRoute {
				return fmt.Sprintf("r-%s%d", q.in.Text("routeTableId"), crc32.ChecksumIEEE([]byte(wanted))), nil
			}
		}
	}
	return "", nil
}

func routeTableAssociation(ctx context.Context, q question) (string, error) {
	table, err := routeTable(ctx, q)
	if err != nil {
		return "", err
	}
	for _, one := range table.Associations {
		subnet, gateway := aws.ToString(one.SubnetId), aws.ToString(one.GatewayId)
		if subnet == q.in.Text("subnetId") && gateway == q.in.Text("gatewayId") && subnet+gateway != "" {
			return aws.ToString(one.RouteTableAssociationId), nil
		}
	}
	return "", nil
}

// groupRule finds a security group's rule by everything that makes it one of its kind.
func groupRule(egress bool) finder {
	return func(ctx context.Context, q question) (string, error) {
		out, err := ec2.NewFromConfig(q.config).DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
			Filters: filters("group-id", q.in.Text("securityGroupId")),
		})
		if err != nil {
			return "", err
		}
		for _, rule := range out.SecurityGroupRules {
			if id := aws.ToString(rule.SecurityGroupRuleId); aws.ToBool(rule.IsEgress) == egress && sameRule(q.in, rule) && q.free(id) {
				return id, nil
			}
		}
		return "", nil
	}
}

func sameRule(in Inputs, rule types.SecurityGroupRule) bool {
	referenced := ""
	if rule.ReferencedGroupInfo != nil {
		referenced = aws.ToString(rule.ReferencedGroupInfo.GroupId)
	}
	return in.Text("ipProtocol") == aws.ToString(rule.IpProtocol) &&
		(in.Text("ipProtocol") == "-1" || in.Text("fromPort") == decimal(rule.FromPort) && in.Text("toPort") == decimal(rule.ToPort)) &&
		in.Text("cidrIpv4") == aws.ToString(rule.CidrIpv4) && in.Text("cidrIpv6") == aws.ToString(rule.CidrIpv6) &&
		in.Text("prefixListId") == aws.ToString(rule.PrefixListId) && in.Text("referencedSecurityGroupId") == referenced
}
