package environment

import (
	"haven/components/keys"
	"haven/components/monitoring"
)

// monitoring declares who is told of what.
func (c *composer) monitoring() error {
	var err error
	c.env.Monitoring, err = monitoring.New(c.ctx, "monitoring", &monitoring.Args{
		Region: c.in.Region, Account: c.in.Account, Key: c.env.Keys.ARN[keys.Alerts], Stewards: c.in.Stewards,
		BalancerSuffix: c.env.LoadBalancer.ARNSuffix, TargetSuffix: c.env.LoadBalancer.TargetSuffix,
		Group: c.env.Web.GroupName, Cluster: c.env.Database.ClusterID, Servers: c.env.Web.Capacity.Min,
	}, c.under)
	return err
}
