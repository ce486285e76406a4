package settings

import (
	"fmt"
	"slices"
	"strconv"

	kmskeys "haven/components/keys"
	"haven/components/logs"
	"haven/components/monitoring"
	"haven/components/zones"
)

// amazonLinux is a parameter that AWS keeps pointing at the newest Amazon Linux
// 2023 image; a launch resolves it, so a new image changes no plan.
// https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
const amazonLinux = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

// keys is the one table of settings. Pulumi.yaml and docs/settings.md are
// written from it: go test ./infra/settings -update.
var keys = slices.Concat(whereKeys, networkKeys, siteKeys, serverKeys, databaseKeys, keepingKeys, protectionKeys, dangerKeys)

var whereKeys = []Key{
	text("region", nil, "a Region such as us-east-1", "The Region of the environment.",
		func(s *Settings) *string { return &s.Region }, matches(regionPattern)),
	text("account", nil, "an account number of 12 digits, in quotes",
		"The only account that this stack may be deployed to: the provider refuses every other.",
		func(s *Settings) *string { return &s.Account }, matches(accountPattern)),
	text("endpoint", "", "an http(s) URL on a loopback address, or nothing",
		"Where the lab answers. Empty means AWS itself.",
		func(s *Settings) *string { return &s.Endpoint }, optional(isLoopbackURL)),
	number("zones", 3, zones.Fewest, zones.Most, "How many availability zones the environment spans.",
		func(s *Settings) *int { return &s.ZoneCount }),
	list("zoneLetters", []string{}, "different letters from a to h",
		"Which zones, by the last letter of their names. Empty means the first ones, from a.",
		func(s *Settings) *[]string { return &s.ZoneLetters }, matches(letterPattern)),
}

var networkKeys = []Key{
	text("vpcCidr", "10.20.0.0/16", "a private IPv4 block from /16 to /18 such as 10.20.0.0/16",
		"The addresses of the environment's network.",
		func(s *Settings) *string { return &s.VPCCIDR }, isVPCBlock),
	list("interfaceEndpoints", []string{"secretsmanager"}, "AWS service names such as secretsmanager",
		"Services that servers reach without leaving the network. Each costs by the hour and zone; S3 is free and always there.",
		func(s *Settings) *[]string { return &s.InterfaceEndpoints }, matches(servicePattern)),
	list("clientCidrs", []string{"0.0.0.0/0"}, "IPv4 blocks such as 0.0.0.0/0",
		"Who may connect to the site.",
		func(s *Settings) *[]string { return &s.ClientCIDRs }, isBlock),
	list("egressDomains", []string{".amazonaws.com"}, "names such as api.example.com, or .example.com for every name below",
		"What servers may call outside; the firewall drops the rest.",
		func(s *Settings) *[]string { return &s.EgressDomains }, isDomain),
}

var siteKeys = []Key{
	text("domain", nil, "a domain name such as example.com", "The DNS domain of the site.",
		func(s *Settings) *string { return &s.Domain }, matches(hostPattern)),
	text("site", nil, "a host name in the domain such as www.example.com", "The host name of the site.",
		func(s *Settings) *string { return &s.Site }, matches(hostPattern)),
	text("hostedZone", "", "the id of a public hosted zone such as Z0123456789EXAMPLE, or nothing",
		"The existing public zone that gets the site's record. Empty makes a private zone, seen from inside only.",
		func(s *Settings) *string { return &s.HostedZone }, optional(matches(hostedZonePattern))),
	text("certificateFile", "", "a file name, or nothing",
		"The site's certificate in PEM, if it is made elsewhere; relative to the project. Empty lets ACM issue one.",
		func(s *Settings) *string { return &s.CertificateFile }, matches(pathPattern)),
	text("certificateKeyFile", "", "a file name, or nothing", "The private key of the site's certificate in PEM.",
		func(s *Settings) *string { return &s.CertificateKeyFile }, matches(pathPattern)),
	text("certificateChainFile", "", "a file name, or nothing", "The authorities above the site's certificate in PEM.",
		func(s *Settings) *string { return &s.CertificateChainFile }, matches(pathPattern)),
	number("webRateLimit", 10000, 10, 2_000_000_000, "How many requests one address may make in five minutes.",
		func(s *Settings) *int { return &s.RateLimit }),
	number("healthIntervalSeconds", 5, 5, 300, "How often the balancer checks a server.",
		func(s *Settings) *int { return &s.HealthInterval }),
	number("healthTimeoutSeconds", 3, 2, 120, "How long a server may take to answer a check.",
		func(s *Settings) *int { return &s.HealthTimeout }),
	number("healthThreshold", 2, 2, 10, "How many checks in a row change the balancer's mind.",
		func(s *Settings) *int { return &s.HealthThreshold }),
	number("drainSeconds", 30, 1, 3600, "How long a server that leaves may finish its requests, once the balancer must have noticed that it leaves.",
		func(s *Settings) *int { return &s.DrainSeconds }),
}

var serverKeys = []Key{
	text("appArtifact", ".haven/build/haven-app", "a file name", "The application: a static Linux program, relative to the project.",
		func(s *Settings) *string { return &s.AppArtifact }, func(path string) bool { return path != "" && pathPattern.MatchString(path) }),
	text("webImage", amazonLinux, "an image id, or resolve:ssm: and a parameter", "The servers' image.",
		func(s *Settings) *string { return &s.WebImage }, matches(imagePattern)),
	text("webInstanceType", "m6i.large", "an instance type such as m6i.large", "The servers' size.",
		func(s *Settings) *string { return &s.WebInstanceType }, matches(instancePattern)),
	number("webStatedLoad", 600, 1, 10_000_000, "Requests a second that the fleet has to carry with one zone gone.",
		func(s *Settings) *int { return &s.StatedLoad }),
	number("webPeakLoad", 1800, 1, 10_000_000, "Requests a second that the fleet may grow to carry with one zone gone.",
		func(s *Settings) *int { return &s.PeakLoad }),
	number("webServerLoad", 300, 1, 1_000_000, "Requests a second that one server carries, as measured.",
		func(s *Settings) *int { return &s.ServerLoad }),
	number("webScaleOutPercent", 60, 10, 90, "The share of its load, or of its processors, at which the fleet grows.",
		func(s *Settings) *int { return &s.ScaleOutPercent }),
	number("webGraceSeconds", 180, 1, 7200, "How long a new server may take to boot before its health counts.",
		func(s *Settings) *int { return &s.GraceSeconds }),
	number("webWarmupSeconds", 60, 0, 3600, "How long a new server that is in service has to warm up: until then it neither counts for scaling nor takes an unhealthy one's place.",
		func(s *Settings) *int { return &s.WarmupSeconds }),
	number("webMinHealthyPercentage", 100, 0, 100, "How much of the fleet serves at least while servers are replaced, for their health or for a new release.",
		func(s *Settings) *int { return &s.MinHealthyPercentage }),
	number("webMaxHealthyPercentage", 150, 100, 200, "How much of the fleet is there at most while servers are replaced. Above 100 new servers are launched before old ones end.",
		func(s *Settings) *int { return &s.MaxHealthyPercentage }),
}

var databaseKeys = []Key{
	text("databaseCaFile", "", "a file name, or nothing",
		"The authorities that sign the database's certificates, in PEM. Empty means the bundle that AWS publishes.",
		func(s *Settings) *string { return &s.DatabaseCAFile }, matches(pathPattern)),
	text("databaseEngineVersion", "15.10", "a full Aurora PostgreSQL version such as 15.10", "The database's version.",
		func(s *Settings) *string { return &s.DatabaseEngineVersion }, matches(versionPattern)),
	text("databaseInstanceClass", "db.r6g.large", "an instance class such as db.r6g.large", "The database members' size.",
		func(s *Settings) *string { return &s.DatabaseInstanceClass }, matches(instanceClassPattern)),
	text("databaseName", "haven", "lower-case letters, digits and _", "The name of the database.",
		func(s *Settings) *string { return &s.DatabaseName }, matches(databasePattern)),
	number("databaseBackupDays", 30, 1, 35, "How many days back the database can be restored to any second.",
		func(s *Settings) *int { return &s.DatabaseBackupDays }),
	text("databaseBackupWindow", "03:00-03:30", "a daily window in UTC such as 03:00-03:30", "When the daily snapshot is taken.",
		func(s *Settings) *string { return &s.DatabaseBackupWindow }, matches(dailyPattern)),
	flag("databaseInsights", true, "Whether statements are measured (performance insights).",
		func(s *Settings) *bool { return &s.DatabaseInsights }),
	text("maintenanceWindow", "sun:05:30-sun:06:30", "a weekly window in UTC such as sun:05:30-sun:06:30",
		"When AWS may do work. 05:00 to 10:00 UTC on Sunday is inside 00:00 to 06:00 US Eastern in summer and winter.",
		func(s *Settings) *string { return &s.MaintenanceWindow }, matches(weeklyPattern)),
}

var keepingKeys = []Key{
	declare(Key{
		Name: "logRetentionDays", Kind: Integer, Default: 365, Description: "How many days logs are kept.",
		Expected: fmt.Sprintf("one of %v", logs.RetentionDays()),
	}, strconv.Atoi, func(s *Settings) *int { return &s.LogRetentionDays }, func(days int) bool {
		return slices.Contains(logs.RetentionDays(), days)
	}),
	number("keyDeletionDays", kmskeys.LongestDeletionDays, kmskeys.ShortestDeletionDays, kmskeys.LongestDeletionDays, "How many days a key that is removed can still be saved.",
		func(s *Settings) *int { return &s.KeyDeletionDays }),
	list("stewards", []string{}, "e-mail addresses such as ada@example.com",
		"Who is told, all at once, when something is wrong. Each has to confirm a first message; empty: nobody is told.",
		func(s *Settings) *[]string { return &s.Stewards }, monitoring.IsAddress),
	textMap("tags", "names and values of letters, digits, spaces and _.:/=+-@", "Tags on everything that can have tags.",
		func(s *Settings) *map[string]string { return &s.Tags }, isTag),
}

var protectionKeys = []Key{
	flag("protectData", true, "Whether Pulumi refuses to remove what holds data: database, files, buckets, keys.",
		func(s *Settings) *bool { return &s.ProtectData }),
	flag("databaseDeletionProtection", true, "Whether AWS refuses to delete the database.",
		func(s *Settings) *bool { return &s.DatabaseDeletionProtection }),
	flag("databaseFinalSnapshot", true, "Whether a snapshot is kept when the database is deleted.",
		func(s *Settings) *bool { return &s.DatabaseFinalSnapshot }),
	flag("loadBalancerDeletionProtection", true, "Whether AWS refuses to delete the load balancer.",
		func(s *Settings) *bool { return &s.LoadBalancerDeletionProtection }),
	flag("firewallDeletionProtection", true, "Whether AWS refuses to delete the firewall.",
		func(s *Settings) *bool { return &s.FirewallDeletionProtection }),
	flag("firewallSubnetChangeProtection", true, "Whether AWS refuses to change which zones the firewall is in.",
		func(s *Settings) *bool { return &s.FirewallSubnetChangeProtection }),
}

var dangerKeys = []Key{
	flag("databaseApplyImmediately", false, "Dangerous: changes to the database do not wait for the maintenance window.",
		func(s *Settings) *bool { return &s.DatabaseApplyImmediately }),
	flag("emptyBucketsWhenRemoved", false, "Dangerous: removing a bucket removes what is in it.",
		func(s *Settings) *bool { return &s.EmptyBucketsWhenRemoved }),
	flag("drills", false, "Dangerous: whoever may start experiments can break servers, zones and the database by the templates that are declared.",
		func(s *Settings) *bool { return &s.Drills }),
}
