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
