package environment

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/drills"
	"haven/components/keys"
	"haven/components/network"
)

// drills declares what may be broken on purpose, where that is wanted.
func (c *composer) drills() error {
	if !c.in.Drills {
		return nil
	}
	subnets := map[string][]pulumi.StringInput{}
	for _, tier := range network.Tiers() {
		for letter, id := range c.env.Network.Subnets(tier) {
			subnets[letter] = append(subnets[letter], id)
		}
	}
	var err error
	c.env.Drills, err = drills.New(c.ctx, "drills", &drills.Args{
		Region: c.in.Region, Account: c.in.Account, VPC: c.env.Network.VPC.ToStringOutput(), Zones: c.env.Zones, Subnets: subnets,
		Servers: map[string]string{"Name": webServers, "Stack": c.ctx.Stack()}, DiskKey: c.env.Keys.ARN[keys.Compute],
		Cluster: c.env.Database.ClusterARN, BalancerSuffix: c.env.LoadBalancer.ARNSuffix, TargetSuffix: c.env.LoadBalancer.TargetSuffix,
	}, c.under)
	return err
}

// drillOutputs are the ids of the templates by their names.
func (c *composer) drillOutputs() pulumi.StringMap {
	if c.env.Drills == nil {
		return pulumi.StringMap{}
	}
	return toMap(c.env.Drills.Templates)
}
