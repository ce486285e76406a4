package environment

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/database"
	"haven/components/network"
)

// outputs is what the stack tells the world, in the shape of package outputs.
func (c *composer) outputs() pulumi.Map {
	env := c.env
	buckets, keyARNs, groups := pulumi.StringMap{}, pulumi.StringMap{}, pulumi.StringMap{"database": env.Database.LogGroup}
	for role, bucket := range env.Buckets {
		buckets[role] = bucket.Name
	}
	for purpose, arn := range env.Keys.ARN {
		keyARNs[string(purpose)] = arn
	}
	for role, name := range env.Logs.Name {
		groups[role] = name
	}
	return pulumi.Map{
		"region":  pulumi.String(c.in.Region),
		"url":     pulumi.String("https://" + c.in.Site),
		"version": pulumi.String(env.Web.Version),
		"network": pulumi.Map{
			"vpcId": env.Network.VPC, "hostedZoneId": env.Site.ZoneID, "zones": c.zoneOutputs(),
		},
		"firewall": pulumi.Map{
			"name": env.Firewall.Name, "arn": env.Firewall.ARN, "webAcl": env.WebFilter.ARN, "deletionProtection": pulumi.Bool(c.in.FirewallDeletionProtection),
		},
		"loadBalancer": pulumi.Map{
			"arn": env.LoadBalancer.ARN, "dnsName": env.LoadBalancer.DNSName, "targetGroup": env.LoadBalancer.TargetGroup,
			"detectionSeconds": pulumi.Int(c.in.DetectionSeconds()), "drainSeconds": pulumi.Int(c.in.DrainSeconds),
			"deletionProtection": pulumi.Bool(c.in.LoadBalancerDeletionProtection),
		},
		"web": pulumi.Map{
			"groupName": env.Web.GroupName, "role": env.Web.Role,
			"min": pulumi.Int(env.Web.Capacity.Min), "max": pulumi.Int(env.Web.Capacity.Max),
			"perZone": pulumi.Int(env.Web.Capacity.PerZone), "statedLoad": pulumi.Int(c.in.StatedLoad),
			"graceSeconds": pulumi.Int(c.in.GraceSeconds),
		},
		"database": pulumi.Map{
			"clusterId": env.Database.ClusterID, "clusterArn": env.Database.ClusterARN,
			"writer": env.Database.Writer, "reader": env.Database.Reader, "port": pulumi.Int(database.Port),
			"name": pulumi.String(c.in.DatabaseName), "secretArn": env.Database.Secret, "members": toMap(env.Database.MemberIDs),
			"deletionProtection": pulumi.Bool(c.in.DatabaseDeletionProtection),
		},
		"storage": pulumi.Map{
			"fileSystemId": env.Files.ID, "accessPointId": env.Files.AccessPoint, "buckets": buckets,
		},
		"monitoring": pulumi.Map{
			"topic": env.Monitoring.Topic, "stewards": pulumi.ToStringArray(c.in.Stewards), "alarms": toMap(env.Monitoring.Alarms),
		},
		"logGroups": groups,
		"keys":      keyARNs,
		"drills":    c.drillOutputs(),
	}
}

func (c *composer) zoneOutputs() pulumi.Array {
	var spread pulumi.Array
	for _, zone := range c.env.Zones {
		subnets := pulumi.StringMap{}
		for _, tier := range network.Tiers() {
			subnets[string(tier)] = c.env.Network.Subnets(tier)[zone.Letter]
		}
		spread = append(spread, pulumi.Map{
			"letter": pulumi.String(zone.Letter), "name": pulumi.String(zone.Name), "subnets": subnets,
			"natAddress":       c.env.Network.NATs[zone.Letter],
			"firewallEndpoint": c.env.Firewall.Endpoints[zone.Letter],
		})
	}
	return spread
}

func toMap(values map[string]pulumi.StringOutput) pulumi.StringMap {
	out := pulumi.StringMap{}
	for key, value := range values {
		out[key] = value
	}
	return out
}
