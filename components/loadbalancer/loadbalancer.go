// Package loadbalancer declares an application load balancer with a node in
// every zone.
//
// Clients speak TLS 1.2 or 1.3; plain HTTP is only ever answered with a
// redirect. Health checks are tight, because the time until a broken server gets
// no more traffic is a promise: interval × threshold, see Health.Detection.
package loadbalancer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "haven:loadbalancer:LoadBalancer"

const (
	httpPort  = 80
	httpsPort = 443

	// tlsPolicy allows TLS 1.3, and TLS 1.2 with forward secrecy.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
	tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06"

	// idleSeconds is how long a quiet connection is kept; the application keeps
	// its own longer, so that it is always the balancer that closes.
	idleSeconds = 60
)

// Health is how the balancer finds out that a server is broken.
type Health struct {
	Path            string
	IntervalSeconds int // 5 to 300
	TimeoutSeconds  int // 2 to 120, less than the interval
	HealthyAfter    int // 2 to 10 checks in a row
	UnhealthyAfter  int // 2 to 10 checks in a row
}

// Detection is the longest time from a server's failure until it gets no more
// new requests: it may fail just after a check, and the last check that counts
// against it may have to time out.
func (h Health) Detection() time.Duration {
	return time.Duration(h.IntervalSeconds*h.UnhealthyAfter+h.TimeoutSeconds) * time.Second
}

// Args configures a load balancer.
type Args struct {
	// Required.
	VPC         pulumi.StringInput
	Subnets     map[string]pulumi.StringInput // by zone letter: one node each
	Certificate pulumi.StringInput            // ARN of the site's certificate
	AccessLogs  pulumi.StringInput            // bucket that takes the access logs
	Clients     []string                      // CIDR blocks that may connect
	TargetPort  int                           // where servers listen
	Health      Health

	// Optional.
	DrainSeconds       int               // how long a server that leaves may finish its requests
	DeletionProtection bool              // refuse to be deleted, whoever asks
	After              []pulumi.Resource // the internet gateway, the routes to clients and the log bucket's policy
}

// LoadBalancer is the way in for clients.
type LoadBalancer struct {
	pulumi.ResourceState

	ARN           pulumi.StringOutput // web filter
	ARNSuffix     pulumi.StringOutput // metrics and request-count scaling
	DNSName       pulumi.StringOutput // the site's alias record
	HostedZone    pulumi.StringOutput // the site's alias record
	SecurityGroup pulumi.StringOutput // servers let it in
	TargetGroup   pulumi.StringOutput // ARN: servers register here
	TargetSuffix  pulumi.StringOutput // metrics and request-count scaling
	Ready         []pulumi.Resource   // listeners: servers whose health counts wait for them
}

func (a *Args) validate() error {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(a.VPC != nil && a.Certificate != nil && a.AccessLogs != nil, "VPC, Certificate and AccessLogs are required")
	check(len(a.Subnets) >= 2, "%d subnets: expected one in each of at least two zones", len(a.Subnets))
	check(len(a.Clients) > 0, "Clients is empty: nobody could connect")
	check(a.TargetPort > 0 && a.TargetPort < 65536, "TargetPort is %d: expected 1 to 65535", a.TargetPort)
	check(a.DrainSeconds >= 0 && a.DrainSeconds <= 3600, "DrainSeconds is %d: expected 0 to 3600", a.DrainSeconds)
	return errors.Join(append(problems, a.Health.validate())...)
}

// validate holds AWS's own limits.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
func (h Health) validate() error {
	var problems []error
	between := func(name string, value, low, high int) {
		if value < low || value > high {
			problems = append(problems, fmt.Errorf("%s is %d: expected %d to %d", name, value, low, high))
		}
	}
	between("Health.IntervalSeconds", h.IntervalSeconds, 5, 300)
	between("Health.TimeoutSeconds", h.TimeoutSeconds, 2, 120)
	between("Health.HealthyAfter", h.HealthyAfter, 2, 10)
	between("Health.UnhealthyAfter", h.UnhealthyAfter, 2, 10)
	if h.TimeoutSeconds >= h.IntervalSeconds {
		problems = append(problems, errors.New("Health.TimeoutSeconds has to be less than Health.IntervalSeconds"))
	}
	if h.Path == "" {
		problems = append(problems, errors.New("Health.Path is required"))
	}
	return errors.Join(problems...)
}

// New declares the load balancer.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*LoadBalancer, error) {
	if args == nil {
		return nil, fmt.Errorf("creating load balancer %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating load balancer %s: %w", name, err)
	}
	made := &LoadBalancer{}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering load balancer %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.group, b.balancer, b.targets, b.listeners} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating load balancer %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"arn": made.ARN, "dnsName": made.DNSName}); err != nil {
		return nil, fmt.Errorf("registering the outputs of load balancer %s: %w", name, err)
	}
	return made, nil
}

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
