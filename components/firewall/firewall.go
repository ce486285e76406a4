// Package firewall declares the stateful firewall that every packet between the
// environment and the world crosses, and the web filter on the balancer.
//
// The firewall has an endpoint in each zone. Routes, which this component makes
// as only it knows the endpoints, always use the endpoint of their own zone.
package firewall

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/networkfirewall"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/zones"
)

// Type is the component's type token.
const Type = "haven:firewall:Firewall"

// Args configures a firewall.
type Args struct {
	// Required.
	VPC           pulumi.StringInput
	Zones         []zones.Zone
	Subnets       map[string]pulumi.StringInput // by zone letter: one endpoint each
	Home          string                        // the VPC's block
	EgressDomains []string                      // what servers may call by HTTP or TLS; .example.com covers all below
	AlertLog      pulumi.StringInput            // name of the log group that takes alerts and drops
	FlowLog       pulumi.StringInput            // name of the log group that takes flows
	Routes        []Route                       // what has to cross the firewall

	// Optional.
	DeleteProtection       bool // refuse to be deleted
	SubnetChangeProtection bool // refuse to lose or move an endpoint
}

// Route is a route whose next hop is the endpoint of a zone.
type Route struct {
	Name        string // stable suffix of the logical name
	Zone        string // letter
	Destination string // CIDR
	RouteTable  pulumi.StringInput
}

// Firewall is the inspected way in and out.
type Firewall struct {
	pulumi.ResourceState

	ARN       pulumi.StringOutput            // drills and status
	Name      pulumi.StringOutput            // drills and status
	Endpoints map[string]pulumi.StringOutput // VPC endpoint ids by zone letter: drills
	Ready     []pulumi.Resource              // whoever talks to the world waits for these routes
}

func (a *Args) validate() error {
	var problems []error
	if a.VPC == nil || a.AlertLog == nil || a.FlowLog == nil {
		problems = append(problems, errors.New("VPC, AlertLog and FlowLog are required"))
	}
	known := map[string]bool{}
	for _, zone := range a.Zones {
		known[zone.Letter] = true
		if a.Subnets[zone.Letter] == nil {
			problems = append(problems, fmt.Errorf("zone %s has no subnet for its endpoint", zone.Letter))
		}
	}
	if len(known) < zones.Fewest {
		problems = append(problems, fmt.Errorf("%d zones: expected at least %d", len(known), zones.Fewest))
	}
	for _, route := range a.Routes {
		if !known[route.Zone] {
			problems = append(problems, fmt.Errorf("route %s: zone %q has no endpoint", route.Name, route.Zone))
		}
	}
	return errors.Join(append(problems, validateHome(a.Home), ValidateDomains(a.EgressDomains))...)
}

// New declares the firewall, its rules, logs and the routes through it.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Firewall, error) {
	if args == nil {
		return nil, fmt.Errorf("creating firewall %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating firewall %s: %w", name, err)
	}
	made := &Firewall{Endpoints: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering firewall %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.ruleGroups, b.policy, b.firewall, b.logging, b.routes} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating firewall %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"arn": made.ARN}); err != nil {
		return nil, fmt.Errorf("registering the outputs of firewall %s: %w", name, err)
	}
	return made, nil
}

type builder struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	made  *Firewall
	child pulumi.ResourceOption

	references networkfirewall.FirewallPolicyFirewallPolicyStatefulRuleGroupReferenceArray
	policyARN  pulumi.StringOutput
	statuses   networkfirewall.FirewallFirewallStatusArrayOutput
}

func (b *builder) firewall() error {
	mappings := networkfirewall.FirewallSubnetMappingArray{}
	for _, letter := range slices.Sorted(maps.Keys(b.args.Subnets)) {
		mappings = append(mappings, &networkfirewall.FirewallSubnetMappingArgs{SubnetId: b.args.Subnets[letter]})
	}
	wall, err := networkfirewall.NewFirewall(b.ctx, b.name, &networkfirewall.FirewallArgs{
		VpcId:                          b.args.VPC,
		FirewallPolicyArn:              b.policyARN,
		SubnetMappings:                 mappings,
		DeleteProtection:               pulumi.Bool(b.args.DeleteProtection),
		SubnetChangeProtection:         pulumi.Bool(b.args.SubnetChangeProtection),
		FirewallPolicyChangeProtection: pulumi.Bool(false),
		Tags:                           pulumi.StringMap{"Name": pulumi.String(b.name)},
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	b.made.ARN, b.made.Name, b.statuses = wall.Arn, wall.Name, wall.FirewallStatuses
	for _, zone := range b.args.Zones {
		b.made.Endpoints[zone.Letter] = b.statuses.ApplyT(func(statuses []networkfirewall.FirewallFirewallStatus) (string, error) {
			return endpointIn(zone.Name, statuses)
		}).(pulumi.StringOutput)
	}
	return nil
}

// endpointIn finds a zone's endpoint in what the firewall reports. Zones come
// back in no particular order, so they are looked up by name.
func endpointIn(zone string, statuses []networkfirewall.FirewallFirewallStatus) (string, error) {
	for _, status := range statuses {
		for _, state := range status.SyncStates {
			if state.AvailabilityZone == nil || *state.AvailabilityZone != zone {
				continue
			}
			for _, attachment := range state.Attachments {
				if attachment.EndpointId != nil && *attachment.EndpointId != "" {
					return *attachment.EndpointId, nil
				}
			}
		}
	}
	return "", fmt.Errorf("firewall reports no endpoint in zone %s", zone)
}

func (b *builder) logging() error {
	destination := func(kind string, group pulumi.StringInput) networkfirewall.LoggingConfigurationLoggingConfigurationLogDestinationConfigInput {
		return &networkfirewall.LoggingConfigurationLoggingConfigurationLogDestinationConfigArgs{
			LogType:            pulumi.String(kind),
			LogDestinationType: pulumi.String("CloudWatchLogs"),
			LogDestination:     pulumi.StringMap{"logGroup": group},
		}
	}
	_, err := networkfirewall.NewLoggingConfiguration(b.ctx, b.name, &networkfirewall.LoggingConfigurationArgs{
		FirewallArn: b.made.ARN,
		LoggingConfiguration: &networkfirewall.LoggingConfigurationLoggingConfigurationArgs{
			LogDestinationConfigs: networkfirewall.LoggingConfigurationLoggingConfigurationLogDestinationConfigArray{
				destination("ALERT", b.args.AlertLog), destination("FLOW", b.args.FlowLog),
			},
		},
	}, b.child)
	if err != nil {
		return fmt.Errorf("logging: %w", err)
	}
	return nil
}

func (b *builder) routes() error {
	for _, planned := range b.args.Routes {
		route, err := ec2.NewRoute(b.ctx, b.name+"-"+planned.Name, &ec2.RouteArgs{
			RouteTableId:         planned.RouteTable,
			DestinationCidrBlock: pulumi.String(planned.Destination),
			VpcEndpointId:        b.made.Endpoints[planned.Zone],
		}, b.child)
		if err != nil {
			return fmt.Errorf("creating route %s: %w", planned.Name, err)
		}
		b.made.Ready = append(b.made.Ready, route)
	}
	return nil
}
