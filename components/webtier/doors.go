package webtier

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const httpsPort = 443

// door is a connection that one security group may open to another.
type door struct {
	name     string
	from, to pulumi.StringInput
	port     int
}

// doors makes the fleet's security group and opens exactly the connections that
// a server needs, at both ends. AWS services are reached by HTTPS; which names
// that may be is the firewall's decision.
func (b *builder) doors() error {
	group, err := ec2.NewSecurityGroup(b.ctx, b.name, &ec2.SecurityGroupArgs{
		VpcId:       b.args.VPC.ToStringOutput(),
		Description: pulumi.String("Servers of " + b.name),
		Tags:        pulumi.StringMap{"Name": pulumi.String(b.name)},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its security group: %w", err)
	}
	self := group.ID().ToStringOutput()
	b.made.SecurityGroup = self
	for _, d := range []door{
		{"balancer", b.args.Balancer.SecurityGroup, self, Port},
		{"database", self, b.args.Database.SecurityGroup, b.args.Database.Port},
		{"files", self, b.args.Files.SecurityGroup, b.args.Files.Port},
	} {
		if err := b.open(d); err != nil {
			return err
		}
	}
	rule, err := vpc.NewSecurityGroupEgressRule(b.ctx, b.logical("https-out"), &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: self,
		Description:     pulumi.String("AWS services and what the firewall allows"),
		CidrIpv4:        pulumi.String("0.0.0.0/0"),
		IpProtocol:      pulumi.String("tcp"),
		FromPort:        pulumi.Int(httpsPort),
		ToPort:          pulumi.Int(httpsPort),
	}, b.child)
	return b.needed(rule, err, "opening HTTPS to the outside")
}

func (b *builder) open(d door) error {
	out, err := vpc.NewSecurityGroupEgressRule(b.ctx, b.logical(d.name+"-out"), &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId:           d.from,
		ReferencedSecurityGroupId: d.to.ToStringOutput(),
		Description:               pulumi.String("To or from servers: " + d.name),
		IpProtocol:                pulumi.String("tcp"),
		FromPort:                  pulumi.Int(d.port),
		ToPort:                    pulumi.Int(d.port),
	}, b.child)
	if err := b.needed(out, err, "opening "+d.name+" (out)"); err != nil {
		return err
	}
	in, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.logical(d.name+"-in"), &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId:           d.to,
		ReferencedSecurityGroupId: d.from.ToStringOutput(),
		Description:               pulumi.String("To or from servers: " + d.name),
		IpProtocol:                pulumi.String("tcp"),
		FromPort:                  pulumi.Int(d.port),
		ToPort:                    pulumi.Int(d.port),
	}, b.child)
	return b.needed(in, err, "opening "+d.name+" (in)")
}

// needed remembers what has to exist before a server boots.
func (b *builder) needed(resource pulumi.Resource, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	b.bootNeeds = append(b.bootNeeds, resource)
	return nil
}
