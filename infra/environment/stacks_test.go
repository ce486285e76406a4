package environment_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"haven/infra/settings"
)

const stacksDir = "../../stacks"

// stackConfig reads a stack's file as Pulumi hands it to the program.
func stackConfig(t *testing.T, stack string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(stacksDir, "Pulumi."+stack+".yaml"))
	require.NoError(t, err)
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	config := map[string]string{}
	for key, value := range file.Config {
		switch value.(type) {
		case string, int, bool:
			config[key] = fmt.Sprint(value)
		default:
			text, err := json.Marshal(value)
			require.NoError(t, err)
			config[key] = string(text)
		}
	}
	return config
}

func stackNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(stacksDir, "Pulumi.*.yaml"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
	}
	require.Subset(t, names, []string{"lab", "dev", "staging", "production"})
	return names
}

func TestEveryStackLoadsAndAllowsNoDefaultProvider(t *testing.T) {
	for _, stack := range stackNames(t) {
		config := stackConfig(t, stack)
		_, err := settings.Load(config)
		require.NoError(t, err, stack)
		require.Equal(t, `["*"]`, config["pulumi:disable-default-providers"], stack)
	}
}

// What the lab may say that production does not: where it is, how large it is,
// and which protections are off. Everything else is the same environment.
func TestLabDiffersFromProductionOnlyInPlaceSizeAndProtection(t *testing.T) {
	allowed := []string{
		// place
		"endpoint", "account", "domain", "site", "hostedZone", "certificateFile", "certificateKeyFile", "certificateChainFile",
		"databaseCaFile", "tags", "stewards",
		// sizes
		"webInstanceType", "webStatedLoad", "webPeakLoad", "webServerLoad", "webGraceSeconds", "webWarmupSeconds", "webRateLimit", "drainSeconds",
		"databaseInstanceClass", "databaseBackupDays", "logRetentionDays", "keyDeletionDays",
		// protections
		"protectData", "databaseDeletionProtection", "databaseFinalSnapshot", "loadBalancerDeletionProtection",
		"firewallDeletionProtection", "firewallSubnetChangeProtection", "databaseApplyImmediately", "emptyBucketsWhenRemoved", "drills",
	}
	lab, production := stackConfig(t, "lab"), stackConfig(t, "production")
	for _, full := range slices.Sorted(maps.Keys(lab)) {
		if name, ours := strings.CutPrefix(full, "haven:"); ours && lab[full] != production[full] {
			require.Contains(t, allowed, name, "the lab differs from production in %s", full)
		}
	}
	for _, full := range slices.Sorted(maps.Keys(production)) {
		if name, ours := strings.CutPrefix(full, "haven:"); ours && lab[full] != production[full] {
			require.Contains(t, allowed, name, "production differs from the lab in %s", full)
		}
	}
}

func TestProductionTurnsNoProtectionOff(t *testing.T) {
	for _, stack := range []string{"production", "staging"} {
		loaded, err := settings.Load(stackConfig(t, stack))
		require.NoError(t, err)
		require.True(t, loaded.ProtectData && loaded.DatabaseDeletionProtection && loaded.DatabaseFinalSnapshot &&
			loaded.LoadBalancerDeletionProtection && loaded.FirewallDeletionProtection && loaded.FirewallSubnetChangeProtection, stack)
		require.False(t, loaded.DatabaseApplyImmediately || loaded.EmptyBucketsWhenRemoved, stack)
		require.Empty(t, loaded.Endpoint, stack)
	}
}

// SEC-04: environments never share an account or addresses.
func TestStacksShareNothing(t *testing.T) {
	accounts, blocks := map[string]string{}, map[string]string{}
	for _, stack := range stackNames(t) {
		loaded, err := settings.Load(stackConfig(t, stack))
		require.NoError(t, err)
		require.Empty(t, accounts[loaded.Account], "%s has the account of %s", stack, accounts[loaded.Account])
		accounts[loaded.Account] = stack
		if stack == "lab" {
			continue // on this machine: it meets no other environment's network
		}
		require.Empty(t, blocks[loaded.VPCCIDR], "%s has the addresses of %s", stack, blocks[loaded.VPCCIDR])
		blocks[loaded.VPCCIDR] = stack
	}
}
