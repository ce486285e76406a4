// Package dns declares the site's name: an alias to the load balancer, in a zone
// of the environment's own or in one that exists already.
package dns

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "haven:dns:Site"

// Args configures the site's name: either ExistingZone is set, or Domain and VPC.
type Args struct {
	// Required.
	Site         string             // full host name
	Target       pulumi.StringInput // DNS name of the load balancer
	TargetZoneID pulumi.StringInput // the load balancer's own hosted zone

	// One of these.
	ExistingZone string // id of a public hosted zone
	Domain       string // name of a private zone to make, seen only from inside VPC
	VPC          pulumi.StringInput
}

// Site is the site's name.
type Site struct {
	pulumi.ResourceState

	ZoneID pulumi.StringOutput // failover records to come
	Name   pulumi.StringOutput // clients
}

func (a *Args) validate() error {
	var problems []error
	if a.Site == "" || a.Target == nil || a.TargetZoneID == nil {
		problems = append(problems, errors.New("Site, Target and TargetZoneID are required"))
	}
	if (a.ExistingZone == "") == (a.Domain == "") {
		problems = append(problems, errors.New("exactly one of ExistingZone and Domain is required"))
	}
	if a.Domain != "" && a.VPC == nil {
		problems = append(problems, errors.New("a private zone needs VPC"))
	}
	return errors.Join(problems...)
}

// New declares the site's name.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Site, error) {
	if args == nil {
		return nil, fmt.Errorf("creating site name %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating site name %s: %w", name, err)
	}
	made := &Site{ZoneID: pulumi.String(args.ExistingZone).ToStringOutput()}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering site name %s: %w", name, err)
	}
	child := pulumi.Parent(made)
	if args.Domain != "" {
		zone, err := route53.NewZone(ctx, name, &route53.ZoneArgs{
			Name:    pulumi.String(args.Domain),
			Comment: pulumi.String("Seen from inside the environment only"),
			Vpcs:    route53.ZoneVpcArray{&route53.ZoneVpcArgs{VpcId: args.VPC}},
			Tags:    pulumi.StringMap{"Name": pulumi.String(args.Domain)},
		}, child)
		if err != nil {
			return nil, fmt.Errorf("creating zone %s: %w", args.Domain, err)
		}
		made.ZoneID = zone.ZoneId
	}
	record, err := route53.NewRecord(ctx, name, &route53.RecordArgs{
		ZoneId: made.ZoneID,
		Name:   pulumi.String(args.Site),
		Type:   pulumi.String("A"),
		Aliases: route53.RecordAliasArray{&route53.RecordAliasArgs{
			Name: args.Target, ZoneId: args.TargetZoneID, EvaluateTargetHealth: pulumi.Bool(true),
		}},
	}, child)
	if err != nil {
		return nil, fmt.Errorf("creating record %s: %w", args.Site, err)
	}
	made.Name = record.Name
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{"zoneId": made.ZoneID, "name": made.Name}); err != nil {
		return nil, fmt.Errorf("registering the outputs of site name %s: %w", name, err)
	}
	return made, nil
}
