package loadbalancer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type builder struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	made  *LoadBalancer
	child pulumi.ResourceOption
}

func (b *builder) tags() pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(b.name)} }

// group opens the balancer to clients. What it may reach inside is opened by
// whoever stands behind it.
func (b *builder) group() error {
	group, err := ec2.NewSecurityGroup(b.ctx, b.name, &ec2.SecurityGroupArgs{
		VpcId: b.args.VPC.ToStringOutput(), Description: pulumi.String("Clients of " + b.name), Tags: b.tags(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its security group: %w", err)
	}
	b.made.SecurityGroup = group.ID().ToStringOutput()
	for _, cidr := range b.args.Clients {
		for _, port := range []int{httpPort, httpsPort} {
			suffix := fmt.Sprintf("-%d-from-%s", port, cidr)
			_, err := vpc.NewSecurityGroupIngressRule(b.ctx, b.name+suffix, &vpc.SecurityGroupIngressRuleArgs{
				SecurityGroupId: group.ID(),
				Description:     pulumi.Sprintf("Clients on port %d", port),
				CidrIpv4:        pulumi.String(cidr),
				IpProtocol:      pulumi.String("tcp"),
				FromPort:        pulumi.Int(port),
				ToPort:          pulumi.Int(port),
			}, b.child)
			if err != nil {
				return fmt.Errorf("opening port %d to %s: %w", port, cidr, err)
			}
		}
	}
	return nil
}

func (b *builder) balancer() error {
	subnets := make(pulumi.StringArray, 0, len(b.args.Subnets))
	for _, letter := range slices.Sorted(maps.Keys(b.args.Subnets)) {
		subnets = append(subnets, b.args.Subnets[letter])
	}
	balancer, err := lb.NewLoadBalancer(b.ctx, b.name, &lb.LoadBalancerArgs{
		LoadBalancerType:             pulumi.String("application"),
		IpAddressType:                pulumi.String("ipv4"),
		Internal:                     pulumi.Bool(false),
		Subnets:                      subnets,
		SecurityGroups:               pulumi.StringArray{b.made.SecurityGroup},
		EnableDeletionProtection:     pulumi.Bool(b.args.DeletionProtection),
		EnableCrossZoneLoadBalancing: pulumi.Bool(true),
		EnableZonalShift:             pulumi.Bool(true),
		EnableHttp2:                  pulumi.Bool(true),
		DropInvalidHeaderFields:      pulumi.Bool(true),
		DesyncMitigationMode:         pulumi.String("defensive"),
		PreserveHostHeader:           pulumi.Bool(true),
		IdleTimeout:                  pulumi.Int(idleSeconds),
		AccessLogs: &lb.LoadBalancerAccessLogsArgs{
			Bucket: b.args.AccessLogs, Prefix: pulumi.String("balancer/" + b.name), Enabled: pulumi.Bool(true),
		},
		Tags: b.tags(),
	}, b.child, pulumi.DependsOn(b.args.After))
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	b.made.ARN, b.made.ARNSuffix = balancer.Arn, balancer.ArnSuffix
	b.made.DNSName, b.made.HostedZone = balancer.DnsName, balancer.ZoneId
	return nil
}

// targets makes the group of servers. A new request goes to the server with the
// fewest open ones: a slow server gets less, not its fair share.
func (b *builder) targets() error {
	health := b.args.Health
	group, err := lb.NewTargetGroup(b.ctx, b.name, &lb.TargetGroupArgs{
		VpcId:                         b.args.VPC.ToStringOutput(),
		TargetType:                    pulumi.String("instance"),
		Protocol:                      pulumi.String("HTTP"),
		ProtocolVersion:               pulumi.String("HTTP1"),
		Port:                          pulumi.Int(b.args.TargetPort),
		DeregistrationDelay:           pulumi.Int(b.args.DrainSeconds),
		LoadBalancingAlgorithmType:    pulumi.String("least_outstanding_requests"),
		LoadBalancingCrossZoneEnabled: pulumi.String("use_load_balancer_configuration"),
		HealthCheck: &lb.TargetGroupHealthCheckArgs{
			Enabled:            pulumi.Bool(true),
			Protocol:           pulumi.String("HTTP"),
			Port:               pulumi.String("traffic-port"),
			Path:               pulumi.String(health.Path),
			Matcher:            pulumi.String("200"),
			Interval:           pulumi.Int(health.IntervalSeconds),
			Timeout:            pulumi.Int(health.TimeoutSeconds),
			HealthyThreshold:   pulumi.Int(health.HealthyAfter),
			UnhealthyThreshold: pulumi.Int(health.UnhealthyAfter),
		},
		Tags: b.tags(),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its target group: %w", err)
	}
	b.made.TargetGroup, b.made.TargetSuffix = group.Arn, group.ArnSuffix
	return nil
}

func (b *builder) listeners() error {
	secure, err := lb.NewListener(b.ctx, b.name+"-https", &lb.ListenerArgs{
		LoadBalancerArn: b.made.ARN,
		Port:            pulumi.Int(httpsPort),
		Protocol:        pulumi.String("HTTPS"),
		SslPolicy:       pulumi.String(tlsPolicy),
		CertificateArn:  b.args.Certificate.ToStringOutput(),
		DefaultActions: lb.ListenerDefaultActionArray{&lb.ListenerDefaultActionArgs{
			Type: pulumi.String("forward"), TargetGroupArn: b.made.TargetGroup,
		}},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its HTTPS listener: %w", err)
	}
	plain, err := lb.NewListener(b.ctx, b.name+"-http", &lb.ListenerArgs{
		LoadBalancerArn: b.made.ARN,
		Port:            pulumi.Int(httpPort),
		Protocol:        pulumi.String("HTTP"),
		DefaultActions: lb.ListenerDefaultActionArray{&lb.ListenerDefaultActionArgs{
			Type: pulumi.String("redirect"),
			Redirect: &lb.ListenerDefaultActionRedirectArgs{
				Protocol: pulumi.String("HTTPS"), Port: pulumi.String("443"), StatusCode: pulumi.String("HTTP_301"),
			},
		}},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating its redirect: %w", err)
	}
	b.made.Ready = []pulumi.Resource{secure, plain}
	return nil
}
