// Package environment composes the building blocks into one highly available
// environment in one Region.
//
// Blocks know nothing of each other: everything that one needs of another is
// passed here. What takes long (balancer, database, firewall) is declared so
// that it runs side by side; the servers come last, when all they need is there.
package environment

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/certificate"
	"haven/components/database"
	"haven/components/dns"
	"haven/components/drills"
	"haven/components/firewall"
	"haven/components/keys"
	"haven/components/loadbalancer"
	"haven/components/logs"
	"haven/components/monitoring"
	"haven/components/network"
	"haven/components/storage"
	"haven/components/webtier"
	"haven/components/zones"
	"haven/infra/settings"
)

// Environment is everything that a stack consists of.
type Environment struct {
	Settings     settings.Settings
	Zones        []zones.Zone
	Keys         *keys.Keys
	Logs         *logs.Logs
	Network      *network.Network
	Firewall     *firewall.Firewall
	WebFilter    *firewall.WebFilter
	Certificate  *certificate.Certificate
	LoadBalancer *loadbalancer.LoadBalancer
	Database     *database.Database
	Files        *storage.Files
	Buckets      map[string]*storage.Bucket
	Web          *webtier.WebTier
	Site         *dns.Site
	Monitoring   *monitoring.Monitoring
	Drills       *drills.Drills // nil where nothing is to be broken
	Outputs      pulumi.Map     // what the stack exports: the twin of package outputs
}

// The buckets of an environment.
const (
	artifactsBucket = "artifacts" // what servers fetch at boot
	dataBucket      = "data"      // what the environment keeps beside its file system
	logsBucket      = "logs"      // access logs of balancer and buckets
)

// composer carries what every step of the composition needs.
type composer struct {
	ctx   *pulumi.Context
	in    settings.Settings
	files Files
	scope string // haven-<stack>: prefix of the few names that must be unique in a Region
	path  string // /haven/<stack>: where logs and parameters are kept
	under pulumi.ResourceOption
	env   *Environment
}

// Deploy declares the environment and exports its outputs.
func Deploy(ctx *pulumi.Context, s settings.Settings, files Files) (*Environment, error) {
	provider, err := newProvider(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &composer{
		ctx: ctx, in: s, files: files,
		scope: settings.Namespace + "-" + ctx.Stack(),
		path:  "/" + settings.Namespace + "/" + ctx.Stack(),
		under: pulumi.Providers(provider),
		env:   &Environment{Settings: s, Zones: s.Zones(), Buckets: map[string]*storage.Bucket{}},
	}
	for _, step := range []func() error{
		c.keysAndLogs, c.buckets, c.network, c.firewall, c.database, c.sharedFiles, c.certificate,
		c.loadBalancer, c.webFilter, c.web, c.site, c.parameters, c.monitoring, c.drills,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	c.env.Outputs = c.outputs()
	for name, value := range c.env.Outputs {
		ctx.Export(name, value)
	}
	return c.env, nil
}

// The roles of the log groups.
const (
	flowLog          = "flow"
	firewallAlertLog = "firewallAlert"
	firewallFlowLog  = "firewallFlow"
	webFilterLog     = "webFilter"
)

func (c *composer) keysAndLogs() error {
	var err error
	c.env.Keys, err = keys.New(c.ctx, "keys", &keys.Args{
		Region: c.in.Region, Account: c.in.Account, Scope: c.scope,
		DeletionDays: c.in.KeyDeletionDays, Protect: c.in.ProtectData,
	}, c.under)
	if err != nil {
		return err
	}
	c.env.Logs, err = logs.New(c.ctx, "logs", &logs.Args{
		Groups: map[string]string{
			flowLog:          c.path + "/flow",
			firewallAlertLog: c.path + "/firewall/alert",
			firewallFlowLog:  c.path + "/firewall/flow",
			// The web filter accepts only names that begin like this.
			// https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
			webFilterLog: "aws-waf-logs-" + c.scope,
		},
		RetentionDays: c.in.LogRetentionDays,
		Key:           c.env.Keys.ARN[keys.Logs],
	}, c.under)
	return err
}

func (c *composer) buckets() error {
	logBucket, err := storage.NewBucket(c.ctx, logsBucket, &storage.BucketArgs{
		// No key: a balancer writes access logs only to buckets with S3's own keys.
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
		ExpireDays:       c.in.LogRetentionDays,
		EmptyWhenRemoved: c.in.EmptyBucketsWhenRemoved,
		Protect:          c.in.ProtectData,
		Writers:          []storage.Writer{storage.BalancerLogs(c.in.Account), storage.RequestLogs(c.in.Account)},
	}, c.under)
	if err != nil {
		return err
	}
	c.env.Buckets[logsBucket] = logBucket
	for _, role := range []string{artifactsBucket, dataBucket} {
		c.env.Buckets[role], err = storage.NewBucket(c.ctx, role, &storage.BucketArgs{
			Key:              c.env.Keys.ARN[keys.Storage],
			LogTo:            logBucket,
			EmptyWhenRemoved: c.in.EmptyBucketsWhenRemoved,
			Protect:          c.in.ProtectData,
		}, c.under)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *composer) network() error {
	var err error
	c.env.Network, err = network.New(c.ctx, "network", &network.Args{
		Region: c.in.Region, Account: c.in.Account, CIDR: c.in.VPCCIDR, Zones: c.env.Zones,
		InterfaceEndpoints: c.in.InterfaceEndpoints, LogGroup: c.env.Logs.ARN[flowLog],
	}, c.under)
	return err
}

func (c *composer) firewall() error {
	net := c.env.Network
	var routes []firewall.Route
	for _, route := range net.Inspected {
		routes = append(routes, firewall.Route{
			Name: route.Name, Zone: route.Zone, Destination: route.Destination, RouteTable: route.RouteTable.ToStringOutput(),
		})
	}
	var err error
	c.env.Firewall, err = firewall.New(c.ctx, "firewall", &firewall.Args{
		VPC: net.VPC.ToStringOutput(), Zones: c.env.Zones, Subnets: net.Subnets(network.Edge), Home: c.in.VPCCIDR,
		EgressDomains: c.in.EgressDomains, Routes: routes,
		AlertLog: c.env.Logs.Name[firewallAlertLog], FlowLog: c.env.Logs.Name[firewallFlowLog],
		DeleteProtection:       c.in.FirewallDeletionProtection,
		SubnetChangeProtection: c.in.FirewallSubnetChangeProtection,
	}, c.under)
	return err
}

func (c *composer) database() error {
	var err error
	c.env.Database, err = database.New(c.ctx, "database", &database.Args{
		Scope: c.scope, VPC: c.env.Network.VPC.ToStringOutput(), Zones: c.env.Zones,
		Subnets: c.env.Network.Subnets(network.Data),
		Key:     c.env.Keys.ARN[keys.Database], LogKey: c.env.Keys.ARN[keys.Logs],
		EngineVersion: c.in.DatabaseEngineVersion, InstanceClass: c.in.DatabaseInstanceClass, Name: c.in.DatabaseName,
		BackupDays: c.in.DatabaseBackupDays, LogDays: c.in.LogRetentionDays,
		BackupWindow: c.in.DatabaseBackupWindow, Maintenance: c.in.MaintenanceWindow,
		Insights: c.in.DatabaseInsights, ApplyImmediately: c.in.DatabaseApplyImmediately,
		DeletionProtection: c.in.DatabaseDeletionProtection, FinalSnapshot: c.in.DatabaseFinalSnapshot,
		Protect: c.in.ProtectData,
	}, c.under)
	return err
}

func (c *composer) sharedFiles() error {
	var err error
	c.env.Files, err = storage.NewFiles(c.ctx, "files", &storage.FilesArgs{
		Account: c.in.Account, VPC: c.env.Network.VPC.ToStringOutput(), Subnets: c.env.Network.Subnets(network.Mirror),
		Key: c.env.Keys.ARN[keys.Storage], Protect: c.in.ProtectData,
	}, c.under)
	return err
}

func (c *composer) certificate() error {
	args := &certificate.Args{Site: c.in.Site}
	if c.in.ImportsCertificate() {
		args.Import = &certificate.Imported{
			Certificate: pulumi.String(c.files.Certificate),
			PrivateKey:  pulumi.ToSecret(pulumi.String(c.files.PrivateKey)).(pulumi.StringOutput),
			Chain:       pulumi.String(c.files.Chain),
		}
	} else {
		args.HostedZone = pulumi.String(c.in.HostedZone)
	}
	var err error
	c.env.Certificate, err = certificate.New(c.ctx, "certificate", args, c.under)
	if err != nil {
		return fmt.Errorf("declaring the site's certificate: %w", err)
	}
	return nil
}
