package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
)

// accessLists makes one list a tier, with its rules and subnets: the provider sets the rules first, so that no subnet gets a list
// that denies everything. An attachment of its own would have the id of AWS's association, which is another one after each
// replacement, such as an experiment's that disrupts a zone: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceNetworkAclAssociation.html
func (b *builder) accessLists() error {
	for _, list := range b.net.Plan.ACLs {
		suffix := string(list.Tier)
		args := &ec2.NetworkAclArgs{VpcId: b.net.VPC, Tags: b.tags(suffix, "haven:tier", suffix)}
		ingress, egress := ec2.NetworkAclIngressArray{}, ec2.NetworkAclEgressArray{}
		for _, rule := range list.Rules {
			if rule.Egress {
				egress = append(egress, ec2.NetworkAclEgressArgs(aclRule(rule)))
			} else {
				ingress = append(ingress, aclRule(rule))
			}
		}
		args.Ingress, args.Egress, args.SubnetIds = ingress, egress, b.subnetsOf(list.Tier)
		acl, err := ec2.NewNetworkAcl(b.ctx, b.logical(suffix), args, b.child)
		if err != nil {
			return fmt.Errorf("creating access list %s: %w", suffix, err)
		}
		b.net.AppReady = append(b.net.AppReady, acl)
	}
	return nil
}

func aclRule(rule ACLRule) ec2.NetworkAclIngressArgs {
	action := "deny"
	if rule.Allow {
		action = "allow"
	}
	return ec2.NetworkAclIngressArgs{
		RuleNo: pulumi.Int(rule.Number), Action: pulumi.String(action), Protocol: pulumi.String(rule.Protocol),
		CidrBlock: pulumi.String(rule.CIDR.String()), FromPort: pulumi.Int(rule.From), ToPort: pulumi.Int(rule.To),
	}
}

// subnetsOf are the ids of a tier's subnets, in all zones.
func (b *builder) subnetsOf(tier Tier) pulumi.StringArray {
	var ids pulumi.StringArray
	for _, planned := range b.net.Plan.Subnets {
		if planned.Tier == tier {
			ids = append(ids, b.net.subnets[planned.Name].ID())
		}
	}
	return ids
}

// endpoints makes the ways to AWS services that need neither NAT nor firewall:
// a server can boot and read its secret while both are down. S3 is a gateway
// endpoint, which is free; interface endpoints cost by the hour and zone, so
// only the services that a server cannot do without belong in the list.
func (b *builder) endpoints() error {
	var tables pulumi.StringArray
	for _, zone := range b.net.Plan.Zones {
		tables = append(tables, b.net.tables[string(App)+"-"+zone.Letter].ID())
	}
	s3, err := ec2.NewVpcEndpoint(b.ctx, b.logical("s3"), &ec2.VpcEndpointArgs{
		VpcId:           b.net.VPC,
		VpcEndpointType: pulumi.String("Gateway"),
		ServiceName:     pulumi.String("com.amazonaws." + b.args.Region + ".s3"),
		RouteTableIds:   tables,
		Tags:            b.tags("s3"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating S3 endpoint: %w", err)
	}
	b.net.AppReady = append(b.net.AppReady, s3)
	if len(b.args.InterfaceEndpoints) == 0 {
		return nil
	}
	group, err := b.endpointGroup()
	if err != nil {
		return err
	}
	for _, service := range b.args.InterfaceEndpoints {
		if err := b.interfaceEndpoint(service, group); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) endpointGroup() (*ec2.SecurityGroup, error) {
	group, err := ec2.NewSecurityGroup(b.ctx, b.logical("endpoints"), &ec2.SecurityGroupArgs{
		VpcId: b.net.VPC, Description: pulumi.String("AWS services reached from inside"), Tags: b.tags("endpoints"),
	}, b.child)
	if err != nil {
		return nil, fmt.Errorf("creating the endpoints' security group: %w", err)
	}
	for _, planned := range b.net.Plan.Subnets {
		if planned.Tier != App {
			continue
		}
		suffix := "endpoints-from-" + planned.Name
		_, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.logical(suffix), &vpc.SecurityGroupIngressRuleArgs{
			SecurityGroupId: group.ID(),
			Description:     pulumi.String("HTTPS from " + planned.Name),
			CidrIpv4:        pulumi.String(planned.CIDR.String()),
			IpProtocol:      pulumi.String(tcp),
			FromPort:        pulumi.Int(httpsPort),
			ToPort:          pulumi.Int(httpsPort),
		}, b.child)
		if err != nil {
			return nil, fmt.Errorf("opening the endpoints to %s: %w", planned.Name, err)
		}
	}
	return group, nil
}

func (b *builder) interfaceEndpoint(service string, group *ec2.SecurityGroup) error {
	var subnets pulumi.StringArray
	for _, zone := range b.net.Plan.Zones {
		subnets = append(subnets, b.net.subnets[string(App)+"-"+zone.Letter].ID())
	}
	endpoint, err := ec2.NewVpcEndpoint(b.ctx, b.logical(service), &ec2.VpcEndpointArgs{
		VpcId:             b.net.VPC,
		VpcEndpointType:   pulumi.String("Interface"),
		ServiceName:       pulumi.String("com.amazonaws." + b.args.Region + "." + service),
		PrivateDnsEnabled: pulumi.Bool(true),
		SecurityGroupIds:  pulumi.StringArray{group.ID()},
		SubnetIds:         subnets,
		Tags:              b.tags(service),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating endpoint for %s: %w", service, err)
	}
	b.net.AppReady = append(b.net.AppReady, endpoint)
	return nil
}

// flowLog records every connection, accepted or refused, by the minute.
func (b *builder) flowLog() error {
	role, err := iam.NewRole(b.ctx, b.logical("flow"), &iam.RoleArgs{
		Description:      pulumi.String("Writes the flow logs of " + b.name),
		AssumeRolePolicy: iampolicy.AssumeBy("vpc-flow-logs.amazonaws.com", b.args.Account),
		Tags:             b.tags("flow"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating the flow logs' role: %w", err)
	}
	_, err = iam.NewRolePolicy(b.ctx, b.logical("flow"), &iam.RolePolicyArgs{
		Role: role.ID(),
		Policy: iampolicy.JSON(iampolicy.Statement{
			Sid: "WriteFlowLogs",
			Actions: []string{
				"logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
			},
			Resources: []any{b.args.LogGroup, pulumi.Sprintf("%s:*", b.args.LogGroup)},
		}),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating the flow logs' policy: %w", err)
	}
	_, err = ec2.NewFlowLog(b.ctx, b.logical("flow"), &ec2.FlowLogArgs{
		VpcId:                  b.net.VPC,
		TrafficType:            pulumi.String("ALL"),
		LogDestinationType:     pulumi.String("cloud-watch-logs"),
		LogDestination:         b.args.LogGroup,
		IamRoleArn:             role.Arn,
		MaxAggregationInterval: pulumi.Int(60),
		Tags:                   b.tags("flow"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating flow log: %w", err)
	}
	return nil
}
