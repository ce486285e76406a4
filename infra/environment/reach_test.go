package environment_test

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/components/recording"
	"haven/infra/settings"
)

// otherwise are values that differ from what stack production says, one a key;
// what stands after a semicolon has to change with it.
var otherwise = map[string]string{
	"region": "eu-west-1", "account": "210987654321", "endpoint": "http://127.0.0.1:4566", "zones": "2", "zoneLetters": `["b","c","d"]`,
	"vpcCidr": "10.99.0.0/18", "interfaceEndpoints": `["ssm","logs"]`, "clientCidrs": `["192.0.2.0/24"]`, "egressDomains": `["api.example.com"]`,
	"site": "shop.example.com", "hostedZone": "Z9876543210EXAMPLE",
	"certificateFile": "a.pem;certificateKeyFile=a.key;certificateChainFile=ca.pem",
	"webRateLimit":    "99", "healthIntervalSeconds": "10", "healthTimeoutSeconds": "4", "healthThreshold": "3", "drainSeconds": "7",
	"webImage": "ami-0123456789abcdef0", "webInstanceType": "t3.small", "webStatedLoad": "1500",
	"webPeakLoad": "9000", "webServerLoad": "5", "webScaleOutPercent": "50", "webGraceSeconds": "9", "webWarmupSeconds": "8",
	"webMinHealthyPercentage": "90", "webMaxHealthyPercentage": "120",
	"databaseEngineVersion": "15.9", "databaseInstanceClass": "db.t4g.medium", "databaseName": "other",
	"databaseBackupDays": "8", "databaseBackupWindow": "01:00-01:30", "databaseInsights": "false", "maintenanceWindow": "sun:06:00-sun:07:00",
	"logRetentionDays": "7", "keyDeletionDays": "7", "stewards": `["eve@example.com"]`, "tags": `{"Owner":"ops"}`,
	"protectData": "false", "databaseDeletionProtection": "false", "databaseFinalSnapshot": "false",
	"loadBalancerDeletionProtection": "false", "firewallDeletionProtection": "false", "firewallSubnetChangeProtection": "false",
	"databaseApplyImmediately": "true", "emptyBucketsWhenRemoved": "true", "drills": "true",
}

// Read as files before anything is declared: TestReadFiles looks at these.
var readAsFiles = map[string]bool{
	"appArtifact": true, "databaseCaFile": true, "certificateKeyFile": true, "certificateChainFile": true,
}

// A setting that is read and then forgotten is a promise that nobody keeps.
func TestEverySettingReachesTheResources(t *testing.T) {
	base := fingerprint(t, run(t, load(t, "production"), recording.Options{}))
	require.Equal(t, base, fingerprint(t, run(t, load(t, "production"), recording.Options{})), "equal settings, equal resources")
	for _, key := range settings.Keys() {
		if readAsFiles[key.Name] || key.Name == "domain" {
			continue
		}
		value, found := otherwise[key.Name]
		require.True(t, found, "say another value of %s in this test", key.Name)
		parts := strings.Split(value, ";")
		more := []string{key.Name, parts[0]}
		for _, part := range parts[1:] {
			name, beside, _ := strings.Cut(part, "=")
			more = append(more, name, beside)
		}
		changed := fingerprint(t, run(t, load(t, "production", more...), recording.Options{}))
		require.NotEqual(t, base, changed, "%s changes no resource", key.Name)
	}
}

// The domain is the name of the private zone, where there is no public one.
func TestTheDomainReachesThePrivateZone(t *testing.T) {
	made := run(t, load(t, "lab", "domain", "www.haven.test"), recording.Options{})
	require.Equal(t, "www.haven.test", made.Of("aws:route53/zone:Zone")["site"].Value("name"))
}

// fingerprint is everything that a program asked for, in one order.
func fingerprint(t *testing.T, made *recording.Recording) string {
	var lines []string
	for _, resource := range append(made.All(), made.Of("pulumi:providers:aws")["aws-us-east-1"]) {
		inputs, err := json.Marshal(resource.Plain())
		require.NoError(t, err)
		lines = append(lines, fmt.Sprint(resource.Type, resource.Name, resource.Protect, string(inputs)))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
