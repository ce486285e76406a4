// Package network declares a VPC whose zones stand on their own.
//
// Each zone has one subnet of every tier and one route table a subnet. Traffic
// enters and leaves a zone through that zone's own firewall endpoint and NAT
// gateway, so that losing a zone takes nothing away from the others. What is
// zonal is named after (tier, zone letter), never after a list index.
//
// NewPlan decides everything as plain data; New only loops over the plan. The
// routes that cross the firewall are handed to the firewall component, which
// knows the endpoints: see Network.Inspected.
package network

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/zones"
)

// Type is the component's type token.
const Type = "haven:network:Network"

// Args configures a network.
type Args struct {
	// Required.
	Region   string             // where the interface and gateway endpoints' services are
	Account  string             // the account's number, for the flow logs' trust policy
	CIDR     string             // the VPC's block, /16 to /18
	Zones    []zones.Zone       // two to four
	LogGroup pulumi.StringInput // ARN of the CloudWatch log group that takes the flow logs

	// Optional.
	InterfaceEndpoints []string // services reached without leaving the VPC, such as secretsmanager
}

// Network is a VPC with its subnets, routes and access lists.
type Network struct {
	pulumi.ResourceState

	Plan *Plan // the plan that was carried out; the firewall and the tests read it

	VPC       pulumi.IDOutput                // every component that makes something in the VPC
	subnets   map[string]*ec2.Subnet         // by planned name
	Inspected []InspectedRoute               // the firewall component makes these
	NATs      map[string]pulumi.StringOutput // public addresses by zone letter: partners allow-list them
	Gateway   pulumi.Resource                // what has a public address must be made after it and removed before it
	AppReady  []pulumi.Resource              // servers that boot need these paths
	tables    map[string]*ec2.RouteTable     // by planned name
}

// InspectedRoute is a route whose next hop is the firewall endpoint of a zone.
type InspectedRoute struct {
	Name        string
	Zone        string // letter
	Destination string
	RouteTable  pulumi.IDOutput
}

// validate returns every problem of the arguments at once.
func (a *Args) validate() error {
	var problems []error
	require := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New(what+" is required"))
		}
	}
	require(a.Region != "", "Region")
	require(a.Account != "", "Account")
	require(a.LogGroup != nil, "LogGroup")
	return errors.Join(problems...)
}

// New declares the network. It returns an error, and makes nothing, when the
// arguments are wrong.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if args == nil {
		return nil, fmt.Errorf("creating network %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating network %s: %w", name, err)
	}
	plan, err := NewPlan(args.CIDR, args.Zones)
	if err != nil {
		return nil, fmt.Errorf("planning network %s: %w", name, err)
	}
	net := &Network{
		Plan:    plan,
		subnets: map[string]*ec2.Subnet{},
		tables:  map[string]*ec2.RouteTable{},
		NATs:    map[string]pulumi.StringOutput{},
	}
	if err := ctx.RegisterComponentResource(Type, name, net, opts...); err != nil {
		return nil, fmt.Errorf("registering network %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, net: net, child: pulumi.Parent(net)}
	for _, step := range []func() error{b.vpc, b.subnetsAndTables, b.nats, b.routes, b.accessLists, b.endpoints, b.flowLog} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating network %s: %w", name, err)
		}
	}
	outputs := pulumi.Map{"vpcId": net.VPC, "zones": pulumi.ToStringArray(zoneNames(plan.Zones))}
	if err := ctx.RegisterResourceOutputs(net, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of network %s: %w", name, err)
	}
	return net, nil
}

// Subnets returns the ids of a tier's subnets by zone letter.
func (n *Network) Subnets(tier Tier) map[string]pulumi.StringInput {
	ids := map[string]pulumi.StringInput{}
	for _, planned := range n.Plan.Subnets {
		if planned.Tier == tier {
			ids[planned.Zone.Letter] = n.subnets[planned.Name].ID().ToStringOutput()
		}
	}
	return ids
}

func zoneNames(spread []zones.Zone) []string {
	names := make([]string, 0, len(spread))
	for _, zone := range spread {
		names = append(names, zone.Name)
	}
	return names
}
