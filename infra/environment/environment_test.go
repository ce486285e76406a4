package environment_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/components/webtier"
	"haven/infra/environment"
	"haven/infra/outputs"
	"haven/infra/settings"
	"haven/infra/settings/settingstest"
)

var someFile = webtier.File{Path: "/some/file", SHA256: strings.Repeat("ab", 32)}

func files() environment.Files {
	return environment.Files{App: someFile, Trust: &someFile, Certificate: "leaf", PrivateKey: "private", Chain: "chain"}
}

func program(s settings.Settings) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := environment.Deploy(ctx, s, files())
		return err
	}
}

func load(t *testing.T, stack string, more ...string) settings.Settings {
	t.Helper()
	config := settingstest.StackConfig(t, stack)
	for i := 0; i+1 < len(more); i += 2 {
		config["haven:"+more[i]] = more[i+1]
	}
	loaded, err := settings.Load(config)
	require.NoError(t, err)
	return loaded
}

func run(t *testing.T, s settings.Settings, options recording.Options) *recording.Recording {
	t.Helper()
	made, err := recording.Run(options, program(s))
	require.NoError(t, err)
	return made
}

func TestEveryStackDeploysAndPreviewsAlike(t *testing.T) {
	for _, stack := range settingstest.StackNames(t) {
		t.Run(stack, func(t *testing.T) {
			s := load(t, stack)
			update := run(t, s, recording.Options{Stack: stack})
			update.RequireOwned(t)
			preview := run(t, s, recording.Options{Stack: stack, Preview: true})
			preview.RequireOwned(t)
			require.Equal(t, update.Types(), preview.Types())
			require.Len(t, update.Of("pulumi:providers:aws"), 1, "one Region, one provider")
		})
	}
}

func TestAFailureOfAnyResourceComesOut(t *testing.T) {
	s := load(t, "production")
	for _, typ := range slices.Sorted(maps.Keys(run(t, s, recording.Options{}).Types())) {
		_, err := recording.Run(recording.Options{Fail: typ}, program(s))
		require.ErrorContains(t, err, recording.ErrInjected.Error(), typ)
	}
}

// holdsData are the resources that keep what cannot be made again.
var holdsData = []string{
	"aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance", "aws:efs/fileSystem:FileSystem", "aws:s3/bucketV2:BucketV2", "aws:kms/key:Key",
}

func TestWhatHoldsDataIsProtectedUnlessTurnedOffByName(t *testing.T) {
	for stack, want := range map[string]bool{"production": true, "lab": false} {
		made := run(t, load(t, stack), recording.Options{})
		for _, typ := range holdsData {
			require.NotEmpty(t, made.Of(typ), typ)
			for name, resource := range made.Of(typ) {
				require.Equal(t, want, resource.Protect, "%s: %s %s", stack, typ, name)
			}
		}
	}
}

func TestTheLabsProviderSpeaksToTheLabOnly(t *testing.T) {
	lab := run(t, load(t, "lab"), recording.Options{}).Of("pulumi:providers:aws")["aws-us-east-1"]
	require.Len(t, lab.Value("endpoints"), 1)
	for _, service := range []string{
		"acm", "autoscaling", "cloudwatchlogs", "ec2", "efs", "elbv2", "iam", "kms", "networkfirewall",
		"rds", "route53", "s3", "secretsmanager", "ssm", "sts", "wafv2",
	} {
		require.Equal(t, "http://127.0.0.1:4566", lab.Value("endpoints.0."+service), service)
	}
	require.Equal(t, false, lab.Value("skipRequestingAccountId"))
	require.True(t, lab.Secret("secretKey"))

	production := run(t, load(t, "production"), recording.Options{}).Of("pulumi:providers:aws")["aws-us-east-1"]
	for _, key := range []string{"endpoints", "accessKey", "secretKey", "s3UsePathStyle"} {
		require.Nil(t, production.Value(key), "production's provider has %s", key)
	}
	require.Equal(t, false, production.Value("skipCredentialsValidation"))
	require.Equal(t, []any{"123456789012"}, production.Value("allowedAccountIds"))
}

// Every service that the program uses has the lab's endpoint: one that is missing
// would be called in the cloud.
func TestEveryServiceInUseHasAnEndpoint(t *testing.T) {
	names := map[string]string{
		"vpc": "ec2", "lb": "elbv2", "cloudwatch": "cloudwatchlogs",
	}
	made := run(t, load(t, "lab"), recording.Options{})
	provider := made.Of("pulumi:providers:aws")["aws-us-east-1"]
	for typ := range made.Types() {
		rest, ours := strings.CutPrefix(typ, "aws:")
		if !ours {
			continue
		}
		module, _, _ := strings.Cut(rest, "/")
		if name, renamed := names[module]; renamed {
			module = name
		}
		require.Equal(t, "http://127.0.0.1:4566", provider.Value("endpoints.0."+module), typ)
	}
}

// zonal says whether a resource belongs to a zone: its name ends so or says so.
func zonal(name string) bool {
	for _, part := range strings.Split(name, "-") {
		if len(part) == 1 && strings.Contains("abcd", part) {
			return true
		}
	}
	return false
}

func TestAZoneMoreLeavesEveryZonalResourceAlone(t *testing.T) {
	before := run(t, load(t, "production", "zones", "2"), recording.Options{})
	after := run(t, load(t, "production", "zones", "4"), recording.Options{})
	count := 0
	for _, old := range before.All() {
		kept, found := after.Of(old.Type)[old.Name]
		require.True(t, found, "%s %s is gone", old.Type, old.Name)
		if zonal(old.Name) {
			count++
			require.Equal(t, old.Inputs, kept.Inputs, "%s %s", old.Type, old.Name)
		}
	}
	require.Greater(t, count, 40)
}

// HA-01: packets of a zone cross the firewall of that zone, on the way in and out.
func TestEveryZoneIsInspectedByItsOwnEndpoint(t *testing.T) {
	made := run(t, load(t, "production", "zones", "4"), recording.Options{})
	routes := made.Of("aws:ec2/route:Route")
	for _, letter := range []string{"a", "b", "c", "d"} {
		out, in := routes["firewall-public-"+letter+"-out"], routes["firewall-ingress-"+letter]
		require.Equal(t, "vpce-"+letter, out.Value("vpcEndpointId"))
		require.Equal(t, "network-public-"+letter, out.Value("routeTableId"))
		require.Equal(t, "vpce-"+letter, in.Value("vpcEndpointId"))
		require.Equal(t, "network-ingress", in.Value("routeTableId"))
		require.Equal(t, made.Of("aws:ec2/subnet:Subnet")["network-public-"+letter].Value("cidrBlock"), in.Value("destinationCidrBlock"))
	}
	require.Equal(t, "network-internet", made.Of("aws:ec2/routeTableAssociation:RouteTableAssociation")["network-ingress"].Value("gatewayId"))
}

// A server must not boot before the paths, data and listeners that it needs.
func TestServersComeLast(t *testing.T) {
	made := run(t, load(t, "lab"), recording.Options{})
	depends := strings.Join(made.Of("aws:autoscaling/group:Group")["web"].DependsOn, "\n")
	for _, typ := range []string{
		"aws:lb/listener:Listener", "aws:rds/clusterInstance:ClusterInstance", "aws:efs/mountTarget:MountTarget",
		"aws:ec2/vpcEndpoint:VpcEndpoint", "aws:s3/bucketObjectv2:BucketObjectv2", "aws:iam/rolePolicy:RolePolicy",
		"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:ec2/route:Route",
	} {
		require.Contains(t, depends, typ)
	}
	// What takes a minute on either side must not wait for the other.
	for _, long := range []struct{ typ, name, not string }{
		{"aws:rds/cluster:Cluster", "database", "aws:lb/"},
		{"aws:lb/loadBalancer:LoadBalancer", "balancer", "aws:rds/"},
		{"aws:lb/loadBalancer:LoadBalancer", "balancer", "aws:networkfirewall/"},
		{"aws:rds/cluster:Cluster", "database", "aws:ec2/natGateway"},
	} {
		require.NotContains(t, strings.Join(made.Of(long.typ)[long.name].DependsOn, "\n"), long.not, "%s waits for %s", long.name, long.not)
	}
}

// exported is what a stack with these settings tells the world, as it is and typed.
func exported(t *testing.T, s settings.Settings) (raw []byte, got outputs.Outputs) {
	t.Helper()
	var mu sync.Mutex
	var resolved any
	_, err := recording.Run(recording.Options{Stack: "lab"}, func(ctx *pulumi.Context) error {
		env, err := environment.Deploy(ctx, s, files())
		if err != nil {
			return err
		}
		env.Outputs.ToMapOutput().ApplyT(func(values map[string]any) string {
			mu.Lock()
			defer mu.Unlock()
			resolved = values
			return ""
		})
		return nil
	})
	require.NoError(t, err)
	raw, err = json.Marshal(resolved)
	require.NoError(t, err)
	got, err = outputs.Parse(raw)
	require.NoError(t, err, string(raw))
	return raw, got
}

// What drills are told of deletion protection is what the stack declares, resource by resource.
func TestOutputsTellDeclaredProtection(t *testing.T) {
	for key, declared := range map[string]func(outputs.Outputs) bool{
		"loadBalancerDeletionProtection": func(o outputs.Outputs) bool { return o.LoadBalancer.DeletionProtection },
		"databaseDeletionProtection":     func(o outputs.Outputs) bool { return o.Database.DeletionProtection },
		"firewallDeletionProtection":     func(o outputs.Outputs) bool { return o.Firewall.DeletionProtection },
	} {
		for _, value := range []bool{true, false} {
			_, got := exported(t, load(t, "lab", key, strconv.FormatBool(value)))
			require.Equal(t, value, declared(got), key)
		}
	}
}

func TestOutputsAreTheTypedTwin(t *testing.T) {
	raw, got := exported(t, load(t, "lab"))
	require.Equal(t, "https://www.haven.test", got.URL)
	require.Len(t, got.Network.Zones, 3)
	require.Equal(t, outputs.Zone{
		Letter: "b", Name: "us-east-1b", NATAddress: "198.51.100.b", FirewallEndpoint: "vpce-b",
		Subnets: map[string]string{
			"edge": "network-edge-b", "public": "network-public-b", "app": "network-app-b", "data": "network-data-b", "mirror": "network-mirror-b",
		},
	}, got.Network.Zones[1])
	require.Equal(t, map[string]string{"a": "haven-lab-database-a", "b": "haven-lab-database-b", "c": "haven-lab-database-c"}, got.Database.Members)
	require.Equal(t, 13, got.LoadBalancer.DetectionSeconds)
	require.Equal(t, map[string]string{
		"stop-server": "drills-stop-server", "terminate-server": "drills-terminate-server", "fail-over-database": "drills-fail-over-database",
		"disrupt-zone-a": "drills-disrupt-zone-a", "disrupt-zone-b": "drills-disrupt-zone-b", "disrupt-zone-c": "drills-disrupt-zone-c",
	}, got.Drills)
	require.Equal(t, []string{"ada@haven.test", "grace@haven.test"}, got.Monitoring.Stewards)
	require.Len(t, got.Monitoring.Alarms, 5)
	require.Equal(t, map[string]string{"artifacts": "artifacts", "data": "data", "logs": "logs"}, got.Storage.Buckets)

	// Both sides say the same: what is written back is what came, key for key.
	back, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(raw), string(back))
}

func TestReadFiles(t *testing.T) {
	root := t.TempDir()
	s := load(t, "lab", "appArtifact", "app", "databaseCaFile", "ca.pem",
		"certificateFile", "site.pem", "certificateKeyFile", "site.key", "certificateChainFile", "ca.pem")
	_, err := environment.ReadFiles(root, s)
	for _, key := range []string{"appArtifact", "databaseCaFile", "certificateFile", "certificateKeyFile", "certificateChainFile"} {
		require.ErrorContains(t, err, "haven:"+key+":", "all that is missing is named at once")
	}
	for _, name := range []string{"app", "ca.pem", "site.pem", "site.key"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o600))
	}
	read, err := environment.ReadFiles(root, s)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(root, "app"), read.App.Path)
	require.Equal(t, "site.key", read.PrivateKey)
	require.Equal(t, "ca.pem", read.Chain)
	require.NotNil(t, read.Trust)

	s = load(t, "production", "appArtifact", filepath.Join(root, "app"))
	read, err = environment.ReadFiles("/elsewhere", s)
	require.NoError(t, err, "an absolute name stays what it is")
	require.Nil(t, read.Trust)
	require.Empty(t, read.Certificate)
}

func TestProjectRoot(t *testing.T) {
	root, err := environment.ProjectRoot(here(t))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "Pulumi.yaml"))
	_, err = environment.ProjectRoot(t.TempDir())
	require.ErrorContains(t, err, "no Pulumi.yaml")
}

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}
