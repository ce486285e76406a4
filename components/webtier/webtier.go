// Package webtier declares the fleet of web servers: replaceable machines that
// are made from code alone, spread over every zone, and watched by the balancer.
//
// User data is the only way software gets onto a server (see RenderUserData):
// there is no SSH, no key pair and no image of our own. A new build, or anything
// else that changes user data, rolls the fleet without losing capacity.
package webtier

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/zones"
)

// Type is the component's type token.
const Type = "haven:webtier:WebTier"

// Port is where the application listens: plain HTTP, reached only by the
// balancer from inside the VPC.
const Port = 8080

// SharedDir is where servers mount the shared file system.
const SharedDir = "/srv/haven/shared"

// Args configures a fleet.
type Args struct {
	// Required.
	VPC          pulumi.StringInput
	Region       string
	Account      string
	Zones        []zones.Zone
	Subnets      map[string]pulumi.StringInput // by zone letter
	Image        string                        // AMI id, or resolve:ssm:<parameter>
	InstanceType string
	Load         Load
	ScaleOutAt   int // per cent of a server's capacity at which another is added, 10 to 90
	GraceSeconds int // how long a new server may take to boot before its health counts
	// WarmupSeconds is how long a server in service warms up, until it counts for scaling and replaces another
	// (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-default-instance-warmup.html).
	WarmupSeconds int
	// DetectionSeconds is how long the balancer may take to notice that a server isn't ready: so long the application takes requests
	// after it was told to stop. DrainSeconds is how long it finishes them after that.
	DetectionSeconds int
	DrainSeconds     int
	// While servers are replaced, for their health or for a new release, at least MinHealthyPercentage of the fleet serves (0 to 100),
	// and up to MaxHealthyPercentage is there (100 to 200, at most 100 more): above 100, new servers are launched before old ones end.
	MinHealthyPercentage int
	MaxHealthyPercentage int

	DiskKey   pulumi.StringInput
	Balancer  Balancer
	Database  Database
	Files     Files
	Artifacts Artifacts

	// Optional.
	Tags           map[string]string // on every server and its disk
	ParametersPath string            // published facts that servers may read
	After          []pulumi.Resource // what servers need at boot: routes, endpoints
}

// Balancer is what stands in front.
type Balancer struct {
	SecurityGroup pulumi.StringInput
	TargetGroup   pulumi.StringInput // ARN
	ARNSuffix     pulumi.StringInput
	TargetSuffix  pulumi.StringInput
	Ready         []pulumi.Resource // listeners: without them health is unknown and never turns good
}

// Database is where rows go.
type Database struct {
	SecurityGroup pulumi.StringInput
	Port          int
	Writer        pulumi.StringInput
	Reader        pulumi.StringInput
	Members       map[string]pulumi.StringOutput // host names by zone letter
	Name          string
	Secret        pulumi.StringInput // ARN
	Key           pulumi.StringInput // ARN of the key that encrypts the secret
	Ready         []pulumi.Resource
}

// Files is where shared files go.
type Files struct {
	SecurityGroup pulumi.StringInput
	Port          int
	FileSystem    pulumi.StringInput
	FileSystemARN pulumi.StringInput
	AccessPoint   pulumi.StringInput
	AccessARN     pulumi.StringInput
	Owner         int
	Ready         []pulumi.Resource
}

// Artifacts is what servers fetch at boot, and where from.
type Artifacts struct {
	Bucket    pulumi.StringInput
	BucketARN pulumi.StringInput
	Key       pulumi.StringInput // ARN of the key that encrypts the bucket
	App       File
	Trust     *File  // authorities of the database's certificates; nil: fetch TrustURL
	TrustURL  string // https address of a published bundle
	Ready     []pulumi.Resource
}

// WebTier is the fleet.
type WebTier struct {
	pulumi.ResourceState

	Capacity      Capacity            // status, policy and drills
	GroupName     pulumi.StringOutput // Auto Scaling group: drills, status
	Version       string              // of the application
	SecurityGroup pulumi.StringOutput // whoever lets servers in
	Role          pulumi.StringOutput // name: brokered access attaches its policy
}

func (a *Args) validate() error {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(a.VPC != nil && a.DiskKey != nil, "VPC and DiskKey are required")
	check(a.Region != "" && a.Account != "" && a.Image != "" && a.InstanceType != "",
		"Region, Account, Image and InstanceType are required")
	for _, zone := range a.Zones {
		check(a.Subnets[zone.Letter] != nil, "zone %s has no subnet", zone.Letter)
	}
	check(a.ScaleOutAt >= 10 && a.ScaleOutAt <= 90, "ScaleOutAt is %d: expected 10 to 90 per cent", a.ScaleOutAt)
	check(a.GraceSeconds > 0, "GraceSeconds is %d: expected more than 0", a.GraceSeconds)
	check(a.WarmupSeconds >= 0, "WarmupSeconds is %d: expected 0 or more", a.WarmupSeconds)
	check(a.DetectionSeconds > 0, "DetectionSeconds is %d: expected more than 0", a.DetectionSeconds)
	check(a.DrainSeconds > 0, "DrainSeconds is %d: expected more than 0", a.DrainSeconds)
	check(StopSeconds(a.DetectionSeconds, a.DrainSeconds) <= ShutdownSeconds, "a server would take up to %d s to stop: expected at most %d", StopSeconds(a.DetectionSeconds, a.DrainSeconds), ShutdownSeconds)
	check(a.MinHealthyPercentage >= 0 && a.MinHealthyPercentage <= 100, "MinHealthyPercentage is %d: expected 0 to 100", a.MinHealthyPercentage)
	check(a.MaxHealthyPercentage >= 100 && a.MaxHealthyPercentage <= min(200, a.MinHealthyPercentage+100),
		"MaxHealthyPercentage is %d: expected 100 to 200, and at most 100 more than MinHealthyPercentage", a.MaxHealthyPercentage)
	check(a.Balancer.SecurityGroup != nil && a.Balancer.TargetGroup != nil, "Balancer is required")
	check(a.Database.SecurityGroup != nil && a.Database.Writer != nil && a.Database.Secret != nil, "Database is required")
	check(a.Files.SecurityGroup != nil && a.Files.FileSystem != nil && a.Files.AccessPoint != nil, "Files is required")
	check(a.Artifacts.Bucket != nil && sha256Value.MatchString(a.Artifacts.App.SHA256), "Artifacts needs a bucket and a hashed App")
	check((a.Artifacts.Trust == nil) != (a.Artifacts.TrustURL == ""), "exactly one of Artifacts.Trust and Artifacts.TrustURL is required")
	return errors.Join(problems...)
}

// New declares the fleet.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*WebTier, error) {
	if args == nil {
		return nil, fmt.Errorf("creating web tier %s: args are required", name)
	}
	capacity, err := PlanCapacity(args.Load, len(args.Zones))
	if err := errors.Join(args.validate(), err); err != nil {
		return nil, fmt.Errorf("creating web tier %s: %w", name, err)
	}
	made := &WebTier{Capacity: capacity, Version: args.Artifacts.App.Version()}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering web tier %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.doors, b.identity, b.template, b.fleet, b.scaling} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating web tier %s: %w", name, err)
		}
	}
	outputs := pulumi.Map{"groupName": made.GroupName, "version": pulumi.String(made.Version)}
	if err := ctx.RegisterResourceOutputs(made, outputs); err != nil {
		return nil, fmt.Errorf("registering the outputs of web tier %s: %w", name, err)
	}
	return made, nil
}

type builder struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	made  *WebTier
	child pulumi.ResourceOption

	profile   *iam.InstanceProfile
	launch    *ec2.LaunchTemplate
	groupName pulumi.StringOutput
	bootNeeds []pulumi.Resource // a server that boots before these exist would fail
}

func (b *builder) logical(suffix string) string { return b.name + "-" + suffix }
