package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// required is the least that a stack has to say.
func required() map[string]string {
	return map[string]string{
		"haven:region": "us-east-1", "haven:account": "123456789012", "haven:domain": "example.com",
		"haven:site": "www.example.com", "haven:hostedZone": "Z0123456789EXAMPLE",
	}
}

// others are legal values that differ from the default, one a key.
var others = map[string]string{
	"region": "eu-west-1", "account": "210987654321", "endpoint": "http://127.0.0.1:4566", "zones": "2", "zoneLetters": `["b","c","d"]`,
	"vpcCidr": "10.99.0.0/18", "interfaceEndpoints": `["ssm","logs"]`, "clientCidrs": `["192.0.2.0/24"]`, "egressDomains": `["api.example.com"]`,
	"domain": "example.org", "site": "shop.example.com", "hostedZone": "Z9876543210EXAMPLE",
	"certificateFile": "a.pem", "certificateKeyFile": "a.key", "certificateChainFile": "ca.pem",
	"webRateLimit": "99", "healthIntervalSeconds": "10", "healthTimeoutSeconds": "4", "healthThreshold": "3", "drainSeconds": "7",
	"appArtifact": "build/app", "webImage": "ami-0123456789abcdef0", "webInstanceType": "t3.small", "webStatedLoad": "10",
	"webPeakLoad": "9000", "webServerLoad": "5", "webScaleOutPercent": "50", "webGraceSeconds": "9", "webWarmupSeconds": "8",
	"webMinHealthyPercentage": "90", "webMaxHealthyPercentage": "120",
	"databaseCaFile": "ca.pem", "databaseEngineVersion": "15.9", "databaseInstanceClass": "db.t4g.medium", "databaseName": "other",
	"databaseBackupDays": "8", "databaseBackupWindow": "01:00-01:30", "databaseInsights": "false", "maintenanceWindow": "sun:06:00-sun:07:00",
	"logRetentionDays": "7", "keyDeletionDays": "7", "stewards": `["eve@example.com"]`, "tags": `{"Owner":"ops"}`,
	"protectData": "false", "databaseDeletionProtection": "false", "databaseFinalSnapshot": "false",
	"loadBalancerDeletionProtection": "false", "firewallDeletionProtection": "false", "firewallSubnetChangeProtection": "false",
	"databaseApplyImmediately": "true", "emptyBucketsWhenRemoved": "true", "drills": "true",
}

// together are values that a key needs beside it to make sense.
var together = map[string]map[string]string{
	"domain":               {"site": "www.example.org"},
	"certificateFile":      {"certificateKeyFile": "a.key", "certificateChainFile": "ca.pem"},
	"certificateKeyFile":   {"certificateFile": "a.pem", "certificateChainFile": "ca.pem"},
	"certificateChainFile": {"certificateFile": "a.pem", "certificateKeyFile": "a.key"},
}

func TestTheLeastIsEnoughAndSafe(t *testing.T) {
	loaded, err := Load(required())
	require.NoError(t, err)
	require.Equal(t, 3, len(loaded.Zones()))
	for _, key := range protectionKeys {
		require.Equal(t, true, reflect.ValueOf(key.field(&loaded)).Elem().Interface(), "%s protects unless turned off by name", key.Name)
	}
	for _, key := range dangerKeys {
		require.Equal(t, false, reflect.ValueOf(key.field(&loaded)).Elem().Interface(), "%s is off unless turned on by name", key.Name)
	}
}

// A value that is read into nowhere, or into the wrong field, would go unseen.
func TestEveryKeyIsObserved(t *testing.T) {
	base, err := Load(required())
	require.NoError(t, err)
	for _, key := range keys {
		t.Run(key.Name, func(t *testing.T) {
			raw, found := others[key.Name]
			require.True(t, found, "say another legal value of %s in this test", key.Name)
			config := required()
			config["haven:"+key.Name] = raw
			for name, value := range together[key.Name] {
				config["haven:"+name] = value
			}
			got, err := Load(config)
			require.NoError(t, err)
			value := reflect.ValueOf(key.field(&got)).Elem()
			require.NotEqual(t, reflect.ValueOf(key.field(&base)).Elem().Interface(), value.Interface(), "the value was not observed")
			require.Equal(t, raw, written(t, value.Interface()))
		})
	}
}

func written(t *testing.T, value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return string(raw)
}

func TestEveryFieldHasAKey(t *testing.T) {
	var s Settings
	set := map[any]bool{}
	for _, key := range keys {
		set[key.field(&s)] = true
	}
	fields := reflect.ValueOf(&s).Elem()
	for i := range fields.NumField() {
		require.True(t, set[fields.Field(i).Addr().Interface()], "no key sets %s", fields.Type().Field(i).Name)
	}
	require.Len(t, keys, fields.NumField(), "two keys set one field")
}

// anyWord are the keys for which every word is a value.
var anyWord = map[string]bool{
	"certificateFile": true, "certificateKeyFile": true, "certificateChainFile": true, "appArtifact": true,
	"databaseCaFile": true, "databaseName": true,
}

// A value that does not parse must never become a default.
func TestEveryKeyRefusesGarbage(t *testing.T) {
	for _, key := range keys {
		for _, garbage := range []string{"\x00 'gar$bage", "tru", "12x", `["a`, `{"a":1}`, " "} {
			if anyWord[key.Name] && (garbage == "tru" || garbage == "12x") {
				continue
			}
			config := required()
			config["haven:"+key.Name] = garbage
			_, err := Load(config)
			require.True(t, IsError(err), "%s takes %q", key.Name, garbage)
			require.ErrorContains(t, err, fmt.Sprintf("haven:%s: is %q: expected %s", key.Name, garbage, key.Expected))
		}
	}
}

// Numbers that are almost right.
func TestNumbersAreWholeAndWithinTheirBounds(t *testing.T) {
	for _, key := range keys {
		if key.Kind != Integer {
			continue
		}
		for _, wrong := range []string{"", "-1", "0x3", "3.5", "99999999999999999999", "true"} {
			config := required()
			config["haven:"+key.Name] = wrong
			_, err := Load(config)
			require.ErrorContains(t, err, "haven:"+key.Name+": is", "%s takes %q", key.Name, wrong)
		}
	}
}

func TestAllProblemsComeAtOnce(t *testing.T) {
	_, err := Load(map[string]string{
		"haven:account": "12", "haven:zones": "7", "haven:protectData": "yes", "haven:databaseBackupDays": "0",
		"haven:protect-data": "false", "haven:nonsense": "1", "other:thing": "ignored", "haven:site": "www.example.com",
	})
	var wrong *Error
	require.True(t, errors.As(err, &wrong))
	require.Equal(t, []string{
		`haven:account: is "12": expected an account number of 12 digits, in quotes`,
		`haven:databaseBackupDays: is "0": expected a whole number from 1 to 35`,
		`haven:domain: is missing: expected a domain name such as example.com`,
		`haven:nonsense: is not a setting`,
		`haven:protect-data: is not a setting: did you mean haven:protectData?`,
		`haven:protectData: is "yes": expected true or false`,
		`haven:region: is missing: expected a Region such as us-east-1`,
		`haven:zones: is "7": expected a whole number from 2 to 4`,
	}, wrong.Problems)
	require.True(t, strings.HasPrefix(err.Error(), "8 wrong settings:\n"))
}

func TestConflicts(t *testing.T) {
	for name, test := range map[string]struct {
		config map[string]string
		want   string
	}{
		"letters and zones":        {map[string]string{"zoneLetters": `["a","b"]`}, "haven:zoneLetters: names 2 zones: expected 3"},
		"site outside":             {map[string]string{"site": "www.example.net"}, `haven:site: is "www.example.net": expected a name in haven:domain, "example.com"`},
		"a site that only ends so": {map[string]string{"site": "wwwexample.com"}, "haven:site"},
		"part of a certificate":    {map[string]string{"certificateFile": "a.pem"}, "haven:certificateFile: expected all or none"},
		"no way to a certificate":  {map[string]string{"hostedZone": ""}, "haven:hostedZone: is empty"},
		"slow checks":              {map[string]string{"healthTimeoutSeconds": "5"}, "haven:healthTimeoutSeconds: is 5: expected less than"},
		"a long goodbye":           {map[string]string{"drainSeconds": "68"}, "haven:drainSeconds: is 68: with health checks that notice within 13 s, servers would take up to 91 s to stop: expected at most 90"},
		"percentages far apart":    {map[string]string{"webMinHealthyPercentage": "0"}, "haven:webMaxHealthyPercentage: is 150: expected at most 100 more"},
		"peak below stated":        {map[string]string{"webPeakLoad": "5"}, "haven:webPeakLoad: is 5: expected at least"},
	} {
		t.Run(name, func(t *testing.T) {
			config := required()
			for key, value := range test.config {
				config["haven:"+key] = value
			}
			_, err := Load(config)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// The lab's program must not be able to speak to anything but this machine.
func TestTheEndpointIsThisMachine(t *testing.T) {
	for _, fine := range []string{"http://127.0.0.1:4566", "https://localhost:1", "http://[::1]:80"} {
		config := required()
		config["haven:endpoint"] = fine
		_, err := Load(config)
		require.NoError(t, err, fine)
	}
	for _, wrong := range []string{"http://10.0.0.1", "https://example.com", "http://localhost.example.com", "ftp://127.0.0.1", "127.0.0.1:4566", "http://user@127.0.0.1"} {
		config := required()
		config["haven:endpoint"] = wrong
		_, err := Load(config)
		require.ErrorContains(t, err, "haven:endpoint", wrong)
	}
}

func TestZonesPanicsOnSettingsThatWereNotLoaded(t *testing.T) {
	require.Panics(t, func() { Settings{}.Zones() })
}
