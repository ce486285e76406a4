package stack

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"haven/app/limits"
	"haven/drill/budget"
	"haven/drill/target"
	"haven/drill/workload"
	"haven/infra/outputs"
)

// Lab is the name of the lab's stack.
const Lab = "lab"

// Needs are the IAM actions that opening a stack on AWS and keeping evidence call.
var Needs = []string{
	"elasticloadbalancing:DescribeTargetGroups", "ec2:DescribeNetworkInterfaces", "rds:DescribeDBClusters",
	"autoscaling:DescribeAutoScalingGroups", "ec2:GetConsoleOutput", "logs:FilterLogEvents",
}

// Options say which stack is opened.
type Options struct {
	Root    string // the project's folder
	Stack   string // Lab, or one on AWS
	Journal *target.Journal
}

// Open returns a stack that is up as a target. The error tells what to type when there is none.
func Open(ctx context.Context, o Options) (*target.Environment, error) {
	c := commands{o.Root}
	raw, err := c.pulumi(ctx, "stack", "output", "--json", "--show-secrets", "-s", o.Stack)
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of stack %s: %w; type: scripts/up", o.Stack, err)
	}
	e := &target.Environment{Program: program{c, o.Stack}}
	if e.Outputs, err = outputs.Parse(raw); err != nil {
		return nil, err
	}
	if e.Outputs.URL == "" {
		return nil, fmt.Errorf("stack %s is not up; type: scripts/up", o.Stack)
	}
	open := openAWS
	if o.Stack == Lab {
		open = openLab
	}
	if err := open(ctx, c, e); err != nil {
		return nil, fmt.Errorf("opening stack %s: %w", o.Stack, err)
	}
	e.Config = o.Journal.Journaled(e.Config)
	if e.Declared.Health, err = declaredHealth(ctx, e); err != nil {
		return nil, fmt.Errorf("reading what stack %s declares: %w", o.Stack, err)
	}
	return e, nil
}

func openLab(ctx context.Context, c commands, e *target.Environment) error {
	var lab struct{ Endpoint string }
	if err := c.decode(ctx, &lab, "lab", "status"); err != nil {
		return fmt.Errorf("%w; type: scripts/up", err)
	}
	e.Config = aws.Config{Region: e.Outputs.Region, BaseEndpoint: &lab.Endpoint, Credentials: credentials.NewStaticCredentialsProvider("lab", "lab", "")}
	var seen struct {
		Balancers []struct{ Zone, Address string }
	}
	if err := c.decode(ctx, &seen, "status"); err != nil {
		return err
	}
	for _, node := range seen.Balancers {
		e.Nodes = append(e.Nodes, workload.Node{Zone: node.Zone, Address: net.JoinHostPort(node.Address, "443")})
	}
	folder := filepath.Join(c.root, ".haven", "lab")
	ca, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		return fmt.Errorf("reading the lab's authority: %w", err)
	}
	e.Roots = x509.NewCertPool()
	if !e.Roots.AppendCertsFromPEM(ca) {
		return errors.New("the lab's authority has no certificate in .haven/lab/ca.pem")
	}
	e.Breaker, e.Mailbox = breaker{c}, mailbox{filepath.Join(folder, "mailbox")}
	e.Copies = func(ctx context.Context) (map[string]string, error) {
		return copies(ctx, c, e.Outputs.Storage.FileSystemID)
	}
	e.Declared = budget.Declared{Database: driver, FilesGrace: limits.Files, Names: budget.Names{Balancer: 60 * time.Second, Database: 5 * time.Second, NodeCheck: 5 * time.Second}}
	e.Declared.Database.Promotion, e.Declared.Database.Detection, e.Declared.Database.Restart = labPromotion, labDetection, labRestart
	return nil
}

// driver is what the application declares.
var driver = budget.Database{ConnectTimeout: limits.Connect, StatementLimit: limits.Statement, RetryPause: limits.Pause}

// How long a promotion takes, how much longer a silent writer takes to be noticed, and how long a restart takes. The lab's are its own
// promise. Aurora's are what AWS documents: service is typically restored in less than 60 seconds, and often in less than 30; a restarted
// server has no log to replay.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.StorageReliability.html
const (
	labPromotion, labDetection       = 5 * time.Second, 5 * time.Second
	auroraPromotion, auroraDetection = 30 * time.Second, 30 * time.Second
	labRestart, auroraRestart        = 5 * time.Second, 60 * time.Second
)

func openAWS(ctx context.Context, _ commands, e *target.Environment) error {
	config, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(e.Outputs.Region))
	if err != nil {
		return fmt.Errorf("finding AWS credentials: %w", err)
	}
	e.Config = config
	e.Declared = budget.Declared{Database: driver, FilesGrace: limits.Files, Names: budget.Names{Balancer: 60 * time.Second, Database: 5 * time.Second, NodeCheck: 60 * time.Second}}
	e.Declared.Database.Promotion, e.Declared.Database.Detection, e.Declared.Database.Restart = auroraPromotion, auroraDetection, auroraRestart
	e.Nodes, err = publicNodes(ctx, e)
	return err
}

// publicNodes finds the balancer's public addresses by its network interfaces, whose description AWS makes from its ARN:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
func publicNodes(ctx context.Context, e *target.Environment) ([]workload.Node, error) {
	_, name, ok := strings.Cut(e.Outputs.LoadBalancer.ARN, ":loadbalancer/")
	if !ok {
		return nil, fmt.Errorf("the balancer's ARN %q has no name", e.Outputs.LoadBalancer.ARN)
	}
	out, err := ec2.NewFromConfig(e.Config).DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []types.Filter{{Name: aws.String("description"), Values: []string{"ELB " + name}}},
	})
	if err != nil {
		return nil, err
	}
	var nodes []workload.Node
	for _, i := range out.NetworkInterfaces {
		if i.Association != nil {
			nodes = append(nodes, workload.Node{Zone: aws.ToString(i.AvailabilityZone), Address: net.JoinHostPort(aws.ToString(i.Association.PublicIp), "443")})
		}
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("the balancer %s has no public address", name)
	}
	return nodes, nil
}

func declaredHealth(ctx context.Context, e *target.Environment) (budget.Health, error) {
	out, err := elb.NewFromConfig(e.Config).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{e.Outputs.LoadBalancer.TargetGroup}})
	if err != nil {
		return budget.Health{}, err
	}
	group := out.TargetGroups[0]
	seconds := func(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }
	return budget.Health{
		Interval: seconds(group.HealthCheckIntervalSeconds), Timeout: seconds(group.HealthCheckTimeoutSeconds), Unhealthy: int(aws.ToInt32(group.UnhealthyThresholdCount)),
	}, nil
}
