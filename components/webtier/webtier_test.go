package webtier_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/components/webtier"
	"haven/components/zones"
)

const (
	groupType    = "aws:autoscaling/group:Group"
	templateType = "aws:ec2/launchTemplate:LaunchTemplate"
)

func args(spread []zones.Zone) *webtier.Args {
	members := map[string]pulumi.StringOutput{}
	for _, zone := range spread {
		members[zone.Letter] = pulumi.String("member-" + zone.Letter).ToStringOutput()
	}
	hash := strings.Repeat("0a", 32)
	return &webtier.Args{
		VPC: pulumi.String("vpc"), Region: recording.Region, Account: recording.Account, Zones: spread,
		Subnets: recording.Subnets(spread, "app"), Image: "ami-0123456789abcdef0", InstanceType: "m6i.large",
		Load: webtier.Load{Stated: 600, Peak: 1800, PerServer: 300}, ScaleOutAt: 60, GraceSeconds: 90, WarmupSeconds: 45,
		DetectionSeconds: 13, DrainSeconds: 20, MinHealthyPercentage: 100, MaxHealthyPercentage: 150,
		DiskKey: pulumi.String("disk-key"), Tags: map[string]string{"Stack": "test"}, ParametersPath: "/haven/test",
		Balancer: webtier.Balancer{
			SecurityGroup: pulumi.String("sg-balancer"), TargetGroup: pulumi.String("tg"),
			ARNSuffix: pulumi.String("app/lb/1"), TargetSuffix: pulumi.String("targetgroup/tg/2"),
		},
		Database: webtier.Database{
			SecurityGroup: pulumi.String("sg-database"), Port: 5432, Writer: pulumi.String("writer"), Reader: pulumi.String("reader"),
			Members: members, Name: "haven", Secret: pulumi.String("arn:secret"), Key: pulumi.String("arn:db-key"),
		},
		Files: webtier.Files{
			SecurityGroup: pulumi.String("sg-files"), Port: 2049, FileSystem: pulumi.String("fs-1"), FileSystemARN: pulumi.String("arn:fs"),
			AccessPoint: pulumi.String("fsap-1"), AccessARN: pulumi.String("arn:fsap"), Owner: 1500,
		},
		Artifacts: webtier.Artifacts{
			Bucket: pulumi.String("artifacts"), BucketARN: pulumi.String("arn:artifacts"), Key: pulumi.String("arn:storage-key"),
			App: webtier.File{Path: "/app", SHA256: hash}, Trust: &webtier.File{Path: "/ca", SHA256: hash},
		},
	}
}

func declare(args *webtier.Args) recording.Declare {
	return func(ctx *pulumi.Context, name string, opts ...pulumi.ResourceOption) error {
		_, err := webtier.New(ctx, name, args, opts...)
		return err
	}
}

func TestComponent(t *testing.T) { recording.Component(t, declare(args(recording.Zones(t, 3)))) }

func TestTheFleetIsSpreadOverEveryZone(t *testing.T) {
	for count := zones.Fewest; count <= zones.Most; count++ {
		made := recording.Must(t, declare(args(recording.Zones(t, count))), "web")
		group := made.Of(groupType)["web"]
		require.Len(t, group.Value("vpcZoneIdentifiers"), count)
		capacity, err := webtier.PlanCapacity(webtier.Load{Stated: 600, Peak: 1800, PerServer: 300}, count)
		require.NoError(t, err)
		require.Equal(t, float64(capacity.Min), group.Value("minSize"))
		require.Equal(t, float64(capacity.Max), group.Value("maxSize"))
		require.Equal(t, float64(capacity.Min), group.Value("minElbCapacity"), "an update is done when the fleet serves")
		require.Nil(t, group.Value("desiredCapacity"), "the size at any moment is the group's business, not the plan's")
	}
}

func TestBrokenServersAreReplacedAndTheFleetRollsAtFullSize(t *testing.T) {
	group := recording.Must(t, declare(args(recording.Zones(t, 3))), "web").Of(groupType)["web"]
	require.Equal(t, "ELB", group.Value("healthCheckType"))
	require.Equal(t, 90.0, group.Value("healthCheckGracePeriod"))
	require.Equal(t, 45.0, group.Value("defaultInstanceWarmup"))
	require.Equal(t, "Rolling", group.Value("instanceRefresh.strategy"))
	require.Equal(t, 100.0, group.Value("instanceRefresh.preferences.minHealthyPercentage"))
	require.Equal(t, 150.0, group.Value("instanceRefresh.preferences.maxHealthyPercentage"))
	require.Equal(t, 100.0, group.Value("instanceMaintenancePolicy.minHealthyPercentage"), "a replacement for health is launched first, too")
	require.Equal(t, 150.0, group.Value("instanceMaintenancePolicy.maxHealthyPercentage"))
	require.Equal(t, true, group.Value("instanceRefresh.preferences.autoRollback"))
	require.Equal(t, "1", group.Value("launchTemplate.version"), "a number, so that a new template changes the group")
}

func TestServersAreHardened(t *testing.T) {
	template := recording.Must(t, declare(args(recording.Zones(t, 2))), "web").Of(templateType)["web"]
	require.Equal(t, map[string]any{
		"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1.0, "instanceMetadataTags": "disabled",
	}, template.Value("metadataOptions"))
	disk := template.Value("blockDeviceMappings.0.ebs").(map[string]any)
	require.Equal(t, "true", disk["encrypted"])
	require.Equal(t, "disk-key", disk["kmsKeyId"])
	require.Nil(t, template.Value("keyName"), "there is no SSH")
	require.Nil(t, template.Value("networkInterfaces"), "no public address")
}

// A changed tag is an update in place: it must not be part of the template.
func TestTagsAreOnTheGroupNotInTheTemplate(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "web")
	require.Equal(t, []any{
		map[string]any{"key": "Name", "value": "web", "propagateAtLaunch": true},
		map[string]any{"key": "Stack", "value": "test", "propagateAtLaunch": true},
	}, made.Of(groupType)["web"].Value("tags"))
	require.Equal(t, map[string]any{"Name": "web"}, made.Of(templateType)["web"].Value("tagSpecifications.0.tags"))
}

func script(t *testing.T, made *recording.Recording) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(made.Of(templateType)["web"].Value("userData").(string))
	require.NoError(t, err)
	return string(raw)
}

func TestUserDataNamesWhatTheProgramMade(t *testing.T) {
	boot := script(t, recording.Must(t, declare(args(recording.Zones(t, 3))), "web"))
	for _, want := range []string{
		"artifact='s3://artifacts/app/" + strings.Repeat("0a", 32) + "/haven-app'",
		"trust='s3://artifacts/trust/" + strings.Repeat("0a", 32) + "/database-ca.pem'",
		"HAVEN_DB_HOSTS=member-a,member-b,member-c\n", "HAVEN_DB_WRITER_HOST=writer\n", "HAVEN_DB_SECRET_ARN=arn:secret\n",
		"HAVEN_VERSION=0a0a0a0a0a0a\n", "HAVEN_DETECTION_SECONDS=13\n", "HAVEN_DRAIN_SECONDS=20\n", "TimeoutStopSec=43\n",
	} {
		require.Contains(t, boot, want)
	}
}

func TestANewBuildIsANewTemplateAndLeavesTheOldBuildInPlace(t *testing.T) {
	newer := args(recording.Zones(t, 2))
	newer.Artifacts.App.SHA256 = strings.Repeat("0b", 32)
	before := recording.Must(t, declare(args(recording.Zones(t, 2))), "web")
	after := recording.Must(t, declare(newer), "web")
	require.NotEqual(t, script(t, before), script(t, after))
	object := before.Of("aws:s3/bucketObjectv2:BucketObjectv2")["web-app"]
	require.True(t, object.Retain, "servers of the generation before still boot from it")
	require.NotEqual(t, object.Value("key"), after.Of("aws:s3/bucketObjectv2:BucketObjectv2")["web-app"].Value("key"))
}

func TestDoorsAreOpenedAtBothEndsAndToNobodyElse(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "web")
	type rule struct {
		of, peer any
		port     any
	}
	collect := func(typ string) map[string]rule {
		out := map[string]rule{}
		for name, r := range made.Of(typ) {
			peer := r.Value("referencedSecurityGroupId")
			if peer == nil {
				peer = r.Value("cidrIpv4")
			}
			require.Equal(t, r.Value("fromPort"), r.Value("toPort"), name)
			out[name] = rule{r.Value("securityGroupId"), peer, r.Value("toPort")}
		}
		return out
	}
	require.Equal(t, map[string]rule{
		"web-balancer-in": {"web", "sg-balancer", 8080.0},
		"web-database-in": {"sg-database", "web", 5432.0},
		"web-files-in":    {"sg-files", "web", 2049.0},
	}, collect("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"))
	require.Equal(t, map[string]rule{
		"web-balancer-out": {"sg-balancer", "web", 8080.0},
		"web-database-out": {"web", "sg-database", 5432.0},
		"web-files-out":    {"web", "sg-files", 2049.0},
		"web-https-out":    {"web", "0.0.0.0/0", 443.0},
	}, collect("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"))
}

func TestServersMayDoOnlyWhatTheyNeed(t *testing.T) {
	made := recording.Must(t, declare(args(recording.Zones(t, 2))), "web")
	var policy struct {
		Statement []struct {
			Sid              string
			Action, Resource []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(made.Of("aws:iam/rolePolicy:RolePolicy")["web"].Value("policy").(string)), &policy))
	got := map[string][]string{}
	for _, s := range policy.Statement {
		got[s.Sid] = append(append([]string{}, s.Action...), s.Resource...)
		if s.Sid == "BeManaged" {
			continue // the agent's own actions know no resource
		}
		for _, value := range got[s.Sid] {
			require.NotEqual(t, "*", value, s.Sid)
			require.NotContains(t, value, ":*", "%s: no wildcard action or resource type", s.Sid)
		}
	}
	require.Equal(t, map[string][]string{
		"FetchReleases":         {"s3:GetObject", "arn:artifacts/app/*", "arn:artifacts/trust/*"},
		"DecryptReleases":       {"kms:Decrypt", "arn:storage-key"},
		"ReadDatabaseSecret":    {"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "arn:secret"},
		"DecryptDatabaseSecret": {"kms:Decrypt", "arn:db-key"},
		"MountSharedFiles":      {"elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "arn:fs"},
		"ReadPublishedFacts": {
			"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "arn:aws:ssm:us-east-1:000000000000:parameter/haven/test/*",
		},
		"BeManaged": {
			"ssm:UpdateInstanceInformation",
			"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
			"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply", "*",
		},
	}, got)
}

func TestScalingHasStatedThresholds(t *testing.T) {
	policies := recording.Must(t, declare(args(recording.Zones(t, 2))), "web").Of("aws:autoscaling/policy:Policy")
	require.Len(t, policies, 2)
	require.Equal(t, 60.0, policies["web-cpu"].Value("targetTrackingConfiguration.targetValue"))
	requests := policies["web-requests"]
	require.Equal(t, 10800.0, requests.Value("targetTrackingConfiguration.targetValue"))
	require.Equal(t, map[string]any{"predefinedMetricType": "ALBRequestCountPerTarget", "resourceLabel": "app/lb/1/targetgroup/tg/2"},
		requests.Value("targetTrackingConfiguration.predefinedMetricSpecification"))
}

func TestNewRefuses(t *testing.T) {
	broken := args(recording.Zones(t, 2))
	broken.ScaleOutAt, broken.GraceSeconds, broken.WarmupSeconds, broken.DrainSeconds, broken.Load.PerServer = 95, 0, -1, 0, 0
	broken.DetectionSeconds, broken.MinHealthyPercentage, broken.MaxHealthyPercentage = 0, 101, 99
	broken.Artifacts.TrustURL = "https://also"
	delete(broken.Subnets, "b")
	slow := args(recording.Zones(t, 2))
	slow.DrainSeconds = 68
	far := args(recording.Zones(t, 2))
	far.MinHealthyPercentage, far.MaxHealthyPercentage = 50, 151
	for name, test := range map[string]struct {
		args *webtier.Args
		want []string
	}{
		"nothing":                {nil, []string{"args are required"}},
		"longer than a shutdown": {slow, []string{"a server would take up to 91 s to stop: expected at most 90"}},
		"percentages far apart":  {far, []string{"MaxHealthyPercentage is 151: expected 100 to 200, and at most 100 more"}},
		"empty":                  {&webtier.Args{}, []string{"VPC and DiskKey", "Region, Account", "Balancer is required", "Database is required", "Files is required", "Artifacts needs"}},
		"everything at once": {broken, []string{
			"ScaleOutAt is 95", "GraceSeconds is 0", "WarmupSeconds is -1", "DrainSeconds is 0", "DetectionSeconds is 0", "MinHealthyPercentage is 101", "MaxHealthyPercentage is 99", "Load.PerServer is 0", "zone b has no subnet", "exactly one of Artifacts.Trust",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := recording.Run(recording.Options{}, recording.With(declare(test.args), "web"))
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, made.All())
		})
	}
}
