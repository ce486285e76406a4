package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// builder carries what every step of the construction needs.
type builder struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	net   *Network
	child pulumi.ResourceOption

	vpcResource *ec2.Vpc
	internet    *ec2.InternetGateway
	gateways    map[string]*ec2.NatGateway // by zone letter
}

// logical returns the logical name of a child.
func (b *builder) logical(suffix string) string { return b.name + "-" + suffix }

// tags returns the Name tag and whatever else is given.
func (b *builder) tags(suffix string, more ...string) pulumi.StringMap {
	tags := pulumi.StringMap{"Name": pulumi.String(b.logical(suffix))}
	for i := 0; i+1 < len(more); i += 2 {
		tags[more[i]] = pulumi.String(more[i+1])
	}
	return tags
}

// vpc makes the VPC, empties its default security group (nothing may rely on a
// group that lets everything talk) and attaches the internet gateway.
func (b *builder) vpc() error {
	vpc, err := ec2.NewVpc(b.ctx, b.logical("vpc"), &ec2.VpcArgs{
		CidrBlock:          pulumi.String(b.net.Plan.VPC.String()),
		EnableDnsSupport:   pulumi.Bool(true),
		EnableDnsHostnames: pulumi.Bool(true),
		Tags:               b.tags("vpc"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating VPC: %w", err)
	}
	b.vpcResource, b.net.VPC = vpc, vpc.ID()
	_, err = ec2.NewDefaultSecurityGroup(b.ctx, b.logical("default-sg"), &ec2.DefaultSecurityGroupArgs{
		VpcId: vpc.ID(), Tags: b.tags("default-sg"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("emptying the default security group: %w", err)
	}
	b.internet, err = ec2.NewInternetGateway(b.ctx, b.logical("internet"), &ec2.InternetGatewayArgs{
		VpcId: vpc.ID(), Tags: b.tags("internet"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating internet gateway: %w", err)
	}
	b.net.Gateway = b.internet
	return nil
}

// subnetsAndTables makes every subnet with a route table of its own.
func (b *builder) subnetsAndTables() error {
	for _, planned := range b.net.Plan.Subnets {
		subnet, err := ec2.NewSubnet(b.ctx, b.logical(planned.Name), &ec2.SubnetArgs{
			VpcId:            b.net.VPC,
			AvailabilityZone: pulumi.String(planned.Zone.Name),
			CidrBlock:        pulumi.String(planned.CIDR.String()),
			Tags:             b.tags(planned.Name, "haven:tier", string(planned.Tier), "haven:zone", planned.Zone.Letter),
		}, b.child)
		if err != nil {
			return fmt.Errorf("creating subnet %s: %w", planned.Name, err)
		}
		b.net.subnets[planned.Name] = subnet
		table, err := b.table(planned.Name)
		if err != nil {
			return err
		}
		_, err = ec2.NewRouteTableAssociation(b.ctx, b.logical(planned.Name), &ec2.RouteTableAssociationArgs{
			RouteTableId: table.ID(), SubnetId: subnet.ID(),
		}, b.child)
		if err != nil {
			return fmt.Errorf("associating route table %s: %w", planned.Name, err)
		}
	}
	return b.ingressTable()
}

func (b *builder) table(planned string) (*ec2.RouteTable, error) {
	table, err := ec2.NewRouteTable(b.ctx, b.logical(planned), &ec2.RouteTableArgs{
		VpcId: b.net.VPC, Tags: b.tags(planned),
	}, b.child)
	if err != nil {
		return nil, fmt.Errorf("creating route table %s: %w", planned, err)
	}
	b.net.tables[planned] = table
	return table, nil
}

// ingressTable makes the internet gateway's own table: the way in.
func (b *builder) ingressTable() error {
	table, err := b.table(IngressTable)
	if err != nil {
		return err
	}
	_, err = ec2.NewRouteTableAssociation(b.ctx, b.logical(IngressTable), &ec2.RouteTableAssociationArgs{
		RouteTableId: table.ID(), GatewayId: b.internet.ID(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("associating the ingress route table: %w", err)
	}
	return nil
}

// nats makes one NAT gateway a zone.
func (b *builder) nats() error {
	b.gateways = map[string]*ec2.NatGateway{}
	for _, zone := range b.net.Plan.Zones {
		suffix := "nat-" + zone.Letter
		address, err := ec2.NewEip(b.ctx, b.logical(suffix), &ec2.EipArgs{
			Domain: pulumi.String("vpc"), Tags: b.tags(suffix),
		}, b.child, pulumi.DependsOn([]pulumi.Resource{b.internet}))
		if err != nil {
			return fmt.Errorf("creating address of %s: %w", suffix, err)
		}
		gateway, err := ec2.NewNatGateway(b.ctx, b.logical(suffix), &ec2.NatGatewayArgs{
			AllocationId: address.ID(),
			SubnetId:     b.net.subnets[string(Public)+"-"+zone.Letter].ID(),
			Tags:         b.tags(suffix, "haven:zone", zone.Letter),
		}, b.child, pulumi.DependsOn([]pulumi.Resource{b.internet}))
		if err != nil {
			return fmt.Errorf("creating NAT gateway %s: %w", suffix, err)
		}
		b.gateways[zone.Letter], b.net.NATs[zone.Letter] = gateway, address.PublicIp
	}
	return nil
}

// routes makes the planned routes, and leaves those through the firewall to the
// firewall component.
func (b *builder) routes() error {
	for _, planned := range b.net.Plan.Routes {
		table := b.net.tables[planned.Table].ID()
		args := &ec2.RouteArgs{RouteTableId: table, DestinationCidrBlock: pulumi.String(planned.Destination.String())}
		switch planned.Via {
		case ViaFirewall:
			b.net.Inspected = append(b.net.Inspected, InspectedRoute{planned.Name, planned.Zone, planned.Destination.String(), table})
			continue
		case ViaInternetGateway:
			args.GatewayId = b.internet.ID()
		case ViaNAT:
			args.NatGatewayId = b.gateways[planned.Zone].ID()
		}
		route, err := ec2.NewRoute(b.ctx, b.logical(planned.Name), args, b.child)
		if err != nil {
			return fmt.Errorf("creating route %s: %w", planned.Name, err)
		}
		b.net.AppReady = append(b.net.AppReady, route)
	}
	return nil
}
