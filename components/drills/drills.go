// Package drills declares what may be broken on purpose, as experiment templates
// of AWS Fault Injection Service: a web server stopped or terminated, a zone cut
// off, the database failed over. Nothing happens until somebody starts one.
//
// The role can do just that to just this environment: servers are found and
// allowed by their tags, subnets and the cluster by name. An alarm on the last
// healthy server ends whatever is under way, and FIS puts back what it changed.
package drills

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/fis"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"haven/components/internal/iampolicy"
	"haven/components/zones"
)

// Type is the component's type token.
const Type = "haven:drills:Drills"

// Names of templates; a zone's is DisruptZone and its letter.
const (
	StopServer       = "stop-server"
	TerminateServer  = "terminate-server"
	DisruptZone      = "disrupt-zone-"
	FailOverDatabase = "fail-over-database"
)

const (
	duration = "PT5M" // of what ends by itself

	// maxSubnets is how many resources a target can name.
	// https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html
	maxSubnets = 5
)

// Args configures the drills.
type Args struct {
	// Required.
	Region, Account string
	VPC             pulumi.StringInput
	Zones           []zones.Zone
	Subnets         map[string][]pulumi.StringInput // ids of all of a zone's subnets, by zone letter
	Servers         map[string]string               // tags that all web servers have, and nothing else
	DiskKey         pulumi.StringInput              // ARN: a server that starts again needs its disk
	Cluster         pulumi.StringInput              // ARN of the database cluster
	BalancerSuffix  pulumi.StringInput              // of the balancer's ARN: the alarm's metric
	TargetSuffix    pulumi.StringInput              // of the target group's ARN: the alarm's metric
}

// Drills are the templates.
type Drills struct {
	pulumi.ResourceState

	Templates map[string]pulumi.StringOutput // ids by name: who starts drills
	Alarm     pulumi.StringOutput            // ARN: what ends them
	Role      pulumi.StringOutput            // ARN
}

func (a *Args) validate() error {
	var problems []error
	check := func(ok bool, format string, values ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, values...))
		}
	}
	check(a.Region != "" && a.Account != "", "Region and Account are required")
	check(a.VPC != nil && a.DiskKey != nil && a.Cluster != nil && a.BalancerSuffix != nil && a.TargetSuffix != nil,
		"VPC, DiskKey, Cluster, BalancerSuffix and TargetSuffix are required")
	check(len(a.Zones) > 0, "Zones is empty")
	check(len(a.Servers) > 0, "Servers is empty: a drill would hit every instance of the account")
	for _, zone := range a.Zones {
		count := len(a.Subnets[zone.Letter])
		check(count > 0 && count <= maxSubnets, "zone %s has %d subnets: expected 1 to %d", zone.Letter, count, maxSubnets)
	}
	return errors.Join(problems...)
}

// New declares the templates.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Drills, error) {
	if args == nil {
		return nil, fmt.Errorf("creating drills %s: args are required", name)
	}
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("creating drills %s: %w", name, err)
	}
	made := &Drills{Templates: map[string]pulumi.StringOutput{}}
	if err := ctx.RegisterComponentResource(Type, name, made, opts...); err != nil {
		return nil, fmt.Errorf("registering drills %s: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, made: made, child: pulumi.Parent(made)}
	for _, step := range []func() error{b.alarm, b.role, b.servers, b.zones, b.database} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("creating drills %s: %w", name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(made, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("registering the outputs of drills %s: %w", name, err)
	}
	return made, nil
}

type builder struct {
	ctx   *pulumi.Context
	name  string
	args  *Args
	made  *Drills
	child pulumi.ResourceOption
	ready []pulumi.Resource // what an experiment needs from the first moment
}

// alarm rings when the balancer has no healthy server left. A group without
// measurements is none of a drill's business.
func (b *builder) alarm() error {
	alarm, err := cloudwatch.NewMetricAlarm(b.ctx, b.name, &cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String("Ends drills: no web server is healthy"),
		Namespace:        pulumi.String("AWS/ApplicationELB"), MetricName: pulumi.String("HealthyHostCount"), Statistic: pulumi.String("Maximum"),
		Dimensions: pulumi.StringMap{"LoadBalancer": b.args.BalancerSuffix, "TargetGroup": b.args.TargetSuffix},
		Period:     pulumi.Int(60), EvaluationPeriods: pulumi.Int(1), Threshold: pulumi.Float64(1),
		ComparisonOperator: pulumi.String("LessThanThreshold"), TreatMissingData: pulumi.String("notBreaching"),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating the alarm: %w", err)
	}
	b.made.Alarm = alarm.Arn
	return nil
}

func (b *builder) role() error {
	role, err := iam.NewRole(b.ctx, b.name, &iam.RoleArgs{
		Description:      pulumi.String("Drills of " + b.name),
		AssumeRolePolicy: iampolicy.AssumeBy("fis.amazonaws.com", b.args.Account),
	}, b.child)
	if err != nil {
		return fmt.Errorf("creating the role: %w", err)
	}
	policy, err := iam.NewRolePolicy(b.ctx, b.name, &iam.RolePolicyArgs{Role: role.ID(), Policy: iampolicy.JSON(b.rights()...)}, b.child)
	if err != nil {
		return fmt.Errorf("creating the role's policy: %w", err)
	}
	b.made.Role, b.ready = role.Arn, []pulumi.Resource{policy}
	return nil
}

// drill is one template: an action on a target.
type drill struct {
	name, does string
	action     string
	parameters map[string]string
	key        string // of the action's target
	target     *fis.ExperimentTemplateTargetArgs
}

// targetName is what every template calls its target.
const targetName = "target"

func (b *builder) template(d drill) error {
	parameters := fis.ExperimentTemplateActionParameterArray{}
	for _, key := range slices.Sorted(maps.Keys(d.parameters)) {
		parameters = append(parameters, &fis.ExperimentTemplateActionParameterArgs{Key: pulumi.String(key), Value: pulumi.String(d.parameters[key])})
	}
	d.target.Name = pulumi.String(targetName)
	template, err := fis.NewExperimentTemplate(b.ctx, b.name+"-"+d.name, &fis.ExperimentTemplateArgs{
		Description: pulumi.String(d.does), RoleArn: b.made.Role,
		StopConditions: fis.ExperimentTemplateStopConditionArray{&fis.ExperimentTemplateStopConditionArgs{
			Source: pulumi.String("aws:cloudwatch:alarm"), Value: b.made.Alarm.ToStringPtrOutput(),
		}},
		Targets: fis.ExperimentTemplateTargetArray{d.target},
		Actions: fis.ExperimentTemplateActionArray{&fis.ExperimentTemplateActionArgs{
			Name: pulumi.String(d.name), ActionId: pulumi.String(d.action), Parameters: parameters,
			Target: &fis.ExperimentTemplateActionTargetArgs{Key: pulumi.String(d.key), Value: pulumi.String(targetName)},
		}},
		Tags: pulumi.StringMap{"Name": pulumi.String(b.name + "-" + d.name)},
		// The provider never sends changed tags of a template (its resource names no identifier for them), and would show
		// the same difference for ever. A template has the tags that it was made with.
	}, b.child, pulumi.DependsOn(b.ready), pulumi.IgnoreChanges([]string{"tags", "tagsAll"}))
	if err != nil {
		return fmt.Errorf("creating the template %s: %w", d.name, err)
	}
	b.made.Templates[d.name] = template.ID().ToStringOutput()
	return nil
}

// servers declares what happens to one server, chosen at random among those that run.
func (b *builder) servers() error {
	target := func() *fis.ExperimentTemplateTargetArgs {
		tags := fis.ExperimentTemplateTargetResourceTagArray{}
		for _, key := range slices.Sorted(maps.Keys(b.args.Servers)) {
			tags = append(tags, &fis.ExperimentTemplateTargetResourceTagArgs{Key: pulumi.String(key), Value: pulumi.String(b.args.Servers[key])})
		}
		return &fis.ExperimentTemplateTargetArgs{
			ResourceType: pulumi.String("aws:ec2:instance"), SelectionMode: pulumi.String("COUNT(1)"), ResourceTags: tags,
			Filters: fis.ExperimentTemplateTargetFilterArray{&fis.ExperimentTemplateTargetFilterArgs{
				Path: pulumi.String("State.Name"), Values: pulumi.StringArray{pulumi.String("running")},
			}},
		}
	}
	return errors.Join(
		b.template(drill{
			name: StopServer, does: "Stop one web server; its group replaces it", action: "aws:ec2:stop-instances", key: "Instances", target: target(),
			parameters: map[string]string{"startInstancesAfterDuration": duration, "completeIfInstancesTerminated": "true"},
		}),
		b.template(drill{name: TerminateServer, does: "Terminate one web server; its group replaces it", action: "aws:ec2:terminate-instances", key: "Instances", target: target()}),
	)
}

// zones declares how each zone is cut off: all of its subnets at once.
func (b *builder) zones() error {
	for _, zone := range b.args.Zones {
		arns := pulumi.StringArray{}
		for _, id := range b.args.Subnets[zone.Letter] {
			arns = append(arns, b.arn("subnet/%s", id))
		}
		err := b.template(drill{
			name: DisruptZone + zone.Letter, does: "Cut " + zone.Name + " off: its subnets hear nothing and are not heard", action: "aws:network:disrupt-connectivity", key: "Subnets",
			parameters: map[string]string{"duration": duration, "scope": "all"},
			target:     &fis.ExperimentTemplateTargetArgs{ResourceType: pulumi.String("aws:ec2:subnet"), SelectionMode: pulumi.String("ALL"), ResourceArns: arns},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) database() error {
	return b.template(drill{
		name: FailOverDatabase, does: "Fail the database over: a reader becomes the writer", action: "aws:rds:failover-db-cluster", key: "Clusters",
		target: &fis.ExperimentTemplateTargetArgs{
			ResourceType: pulumi.String("aws:rds:cluster"), SelectionMode: pulumi.String("ALL"), ResourceArns: pulumi.StringArray{b.args.Cluster},
		},
	})
}

// arn names a resource of EC2.
func (b *builder) arn(format string, id pulumi.StringInput) pulumi.StringOutput {
	return pulumi.Sprintf("arn:aws:ec2:"+b.args.Region+":"+b.args.Account+":"+format, id)
}
