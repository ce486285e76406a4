// Package database declares an Aurora PostgreSQL cluster with a member in every
// zone.
//
// The program never says who writes. All members are declared alike; the one
// that is ready first becomes the writer and any other may take over, by
// promotion tier. After a failover the plan is empty.
//
// Connections need TLS, storage is encrypted, the master password is made, kept
// and rotated by RDS and is in neither state nor code.
package database

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/rds"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/naming"
	"haven/components/zones"
)

// Type is the component's type token.
const Type = "haven:database:Database"

// Port is where every member listens.
const Port = 5432

const (
	engine         = "aurora-postgresql"
	engineLog      = "postgresql"
	authority      = "rds-ca-rsa2048-g1"
	masterUser     = "haven"
	identifierMax  = 50 // RDS allows 63; a member adds its zone, a final snapshot its suffix
	insightsDays   = 7
	fewestKeepDays = 1
	mostKeepDays   = 35
)

// Args configures a cluster.
type Args struct {
	// Required.
	Scope         string // makes the identifier unique in the Region, such as haven-production
	VPC           pulumi.StringInput
	Zones         []zones.Zone
	Subnets       map[string]pulumi.StringInput // by zone letter: one member each
	Key           pulumi.StringInput            // KMS key for storage, secret and insights
	LogKey        pulumi.StringInput            // KMS key for the log group
	EngineVersion string                        // full version, such as 15.10
	InstanceClass string
	Name          string // of the first database
	BackupDays    int    // how far back a point in time can be restored, 1 to 35
	LogDays       int    // how long logs are kept
	BackupWindow  string // UTC, hh24:mi-hh24:mi
	Maintenance   string // UTC, ddd:hh24:mi-ddd:hh24:mi

	// Optional.
	Insights           bool // performance insights
	ApplyImmediately   bool // dangerous outside a lab: changes do not wait for the window
	DeletionProtection bool // refuse to be deleted, whoever asks
	FinalSnapshot      bool // keep a snapshot when the cluster is deleted
	Protect            bool // refuse to remove the cluster and its members
}

// Database is the cluster.
type Database struct {
	pulumi.ResourceState

	ClusterID     pulumi.StringOutput            // drills, status
	ClusterARN    pulumi.StringOutput            // backup, drills
	Writer        pulumi.StringOutput            // host name that always means the writer: the application
	Reader        pulumi.StringOutput            // host name that spreads over the readers: the application
	Members       map[string]pulumi.StringOutput // host names by zone letter: the application, when DNS lags behind
	MemberIDs     map[string]pulumi.StringOutput // instance identifiers by zone letter: drills
	Secret        pulumi.StringOutput            // ARN of the master secret: the application
	SecurityGroup pulumi.StringOutput            // whoever is let in
	LogGroup      pulumi.StringOutput            // name of the server log's group
	Ready         []pulumi.Resource              // whoever needs a database that answers
}

var (
	versionPattern  = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	databasePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

func (a *Args) validate() error {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(a.Scope != "" && a.InstanceClass != "", "Scope and InstanceClass are required")
	check(a.VPC != nil && a.Key != nil && a.LogKey != nil, "VPC, Key and LogKey are required")
	check(len(a.Zones) >= zones.Fewest, "%d zones: expected at least %d", len(a.Zones), zones.Fewest)
	for _, zone := range a.Zones {
		check(a.Subnets[zone.Letter] != nil, "zone %s has no subnet", zone.Letter)
	}
	check(versionPattern.MatchString(a.EngineVersion), "EngineVersion %q: expected a full version such as 15.10", a.EngineVersion)
	check(databasePattern.MatchString(a.Name), "Name %q: expected lower-case letters, digits and _", a.Name)
	check(a.BackupDays >= fewestKeepDays && a.BackupDays <= mostKeepDays, "BackupDays is %d: expected %d to %d",
		a.BackupDays, fewestKeepDays, mostKeepDays)
	return errors.Join(problems...)
}

// family is the parameter family of the engine's major version.
func (a *Args) family() string {
	major, _, _ := strings.Cut(a.EngineVersion, ".")
	return engine + major
}

// New declares the cluster and its members.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Database, error) {
	if args == nil {
		return nil, fmt.Errorf("creating database %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating database %s: %w", name, err)
	}
	made := &Database{Members: map[string]pulumi.StringOutput{}, MemberIDs: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering database %s: %w", name, err)
	}
	b := &builder{
		ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made),
		identifier: naming.Fit(identifierMax, args.Scope, name),
	}
	for _, step := range []func() error{b.surroundings, b.parameterGroups, b.logGroup, b.cluster, b.members} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating database %s: %w", name, err)
		}
	}
	outputs := pulumi.Map{"clusterId": made.ClusterID, "writer": made.Writer, "reader": made.Reader}
	if err := ctx.RegisterResourceOutputs(made, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of database %s: %w", name, err)
	}
	return made, nil
}

type builder struct {
	ctx        *pulumi.Context
	name       string
	args       *Args
	made       *Database
	child      pulumi.ResourceOption
	identifier string

	subnets            *rds.SubnetGroup
	clusterParameters  *rds.ClusterParameterGroup
	instanceParameters *rds.ParameterGroup
	log                *cloudwatch.LogGroup
	clusterResource    *rds.Cluster
}

func (b *builder) tags(suffix string) pulumi.StringMap {
	return pulumi.StringMap{"Name": pulumi.String(b.name + suffix)}
}
