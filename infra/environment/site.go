package environment

import (
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/database"
	"haven/components/dns"
	"haven/components/firewall"
	"haven/components/keys"
	"haven/components/loadbalancer"
	"haven/components/network"
	"haven/components/parameters"
	"haven/components/storage"
	"haven/components/webtier"
)

// webServers is the name of the servers, which is on each of them as a tag.
const webServers = "web"

// readyPath is where the application says whether it can serve: database and
// shared files are really tried.
const readyPath = "/ready"

func (c *composer) loadBalancer() error {
	var err error
	c.env.LoadBalancer, err = loadbalancer.New(c.ctx, "balancer", &loadbalancer.Args{
		VPC: c.env.Network.VPC.ToStringOutput(), Subnets: c.env.Network.Subnets(network.Public),
		Certificate: c.env.Certificate.ARN, AccessLogs: c.env.Buckets[logsBucket].Name,
		Clients: c.in.ClientCIDRs, TargetPort: webtier.Port, Health: c.in.Health(readyPath), DrainSeconds: c.in.DrainSeconds,
		DeletionProtection: c.in.LoadBalancerDeletionProtection,
		After:              append([]pulumi.Resource{c.env.Network.Gateway}, c.env.Buckets[logsBucket].Ready...),
	}, c.under)
	return err
}

func (c *composer) webFilter() error {
	var err error
	c.env.WebFilter, err = firewall.NewWebFilter(c.ctx, "web-filter", &firewall.WebFilterArgs{
		Balancer: c.env.LoadBalancer.ARN, Log: c.env.Logs.ARN[webFilterLog], RateLimit: c.in.RateLimit,
	}, c.under)
	return err
}

// trustURL is the bundle of authorities that AWS publishes for a Region.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html
func trustURL(region string) string {
	return fmt.Sprintf("https://truststore.pki.rds.amazonaws.com/%s/%s-bundle.pem", region, region)
}

func (c *composer) web() error {
	env := c.env
	artifacts := webtier.Artifacts{
		Bucket: env.Buckets[artifactsBucket].Name, BucketARN: env.Buckets[artifactsBucket].ARN,
		Key: env.Keys.ARN[keys.Storage], App: c.files.App, Trust: c.files.Trust, Ready: env.Buckets[artifactsBucket].Ready,
	}
	if artifacts.Trust == nil {
		artifacts.TrustURL = trustURL(c.in.Region)
	}
	var err error
	env.Web, err = webtier.New(c.ctx, webServers, &webtier.Args{
		VPC: env.Network.VPC.ToStringOutput(), Region: c.in.Region, Account: c.in.Account,
		Zones: env.Zones, Subnets: env.Network.Subnets(network.App),
		Image: c.in.WebImage, InstanceType: c.in.WebInstanceType,
		Load:       webtier.Load{Stated: c.in.StatedLoad, Peak: c.in.PeakLoad, PerServer: c.in.ServerLoad},
		ScaleOutAt: c.in.ScaleOutPercent, GraceSeconds: c.in.GraceSeconds, WarmupSeconds: c.in.WarmupSeconds,
		DetectionSeconds: c.in.DetectionSeconds(), DrainSeconds: c.in.DrainSeconds,
		MinHealthyPercentage: c.in.MinHealthyPercentage, MaxHealthyPercentage: c.in.MaxHealthyPercentage,
		DiskKey: env.Keys.ARN[keys.Compute], Tags: tags(c.ctx.Stack(), c.in), ParametersPath: c.path,
		After: slices.Concat(env.Network.AppReady, env.Firewall.Ready),
		Balancer: webtier.Balancer{
			SecurityGroup: env.LoadBalancer.SecurityGroup, TargetGroup: env.LoadBalancer.TargetGroup,
			ARNSuffix: env.LoadBalancer.ARNSuffix, TargetSuffix: env.LoadBalancer.TargetSuffix, Ready: env.LoadBalancer.Ready,
		},
		Database: webtier.Database{
			SecurityGroup: env.Database.SecurityGroup, Port: database.Port, Writer: env.Database.Writer,
			Reader: env.Database.Reader, Members: env.Database.Members, Name: c.in.DatabaseName,
			Secret: env.Database.Secret, Key: env.Keys.ARN[keys.Database], Ready: env.Database.Ready,
		},
		Files: webtier.Files{
			SecurityGroup: env.Files.SecurityGroup, Port: storage.NFSPort, FileSystem: env.Files.ID, FileSystemARN: env.Files.ARN,
			AccessPoint: env.Files.AccessPoint, AccessARN: env.Files.AccessARN, Owner: storage.Owner, Ready: env.Files.Ready,
		},
		Artifacts: artifacts,
	}, c.under)
	return err
}

func (c *composer) site() error {
	args := &dns.Args{
		Site: c.in.Site, Target: c.env.LoadBalancer.DNSName, TargetZoneID: c.env.LoadBalancer.HostedZone,
		ExistingZone: c.in.HostedZone,
	}
	if args.ExistingZone == "" {
		args.Domain, args.VPC = c.in.Domain, c.env.Network.VPC.ToStringOutput()
	}
	var err error
	c.env.Site, err = dns.New(c.ctx, "site", args, c.under)
	return err
}

func (c *composer) parameters() error {
	_, err := parameters.New(c.ctx, "parameters", &parameters.Args{
		Path: c.path,
		Facts: map[string]pulumi.StringInput{
			"site/url":            pulumi.String("https://" + c.in.Site),
			"database/writer":     c.env.Database.Writer,
			"database/reader":     c.env.Database.Reader,
			"database/name":       pulumi.String(c.in.DatabaseName),
			"database/secret-arn": c.env.Database.Secret,
			"files/file-system":   c.env.Files.ID,
			"files/access-point":  c.env.Files.AccessPoint,
			"release/version":     pulumi.String(c.env.Web.Version),
		},
	}, c.under)
	return err
}
