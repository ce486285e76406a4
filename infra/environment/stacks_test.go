package environment_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/infra/settings"
	"haven/infra/settings/settingstest"
)

func TestEveryStackLoadsAndAllowsNoDefaultProvider(t *testing.T) {
	for _, stack := range settingstest.StackNames(t) {
		config := settingstest.StackConfig(t, stack)
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
	lab, production := settingstest.StackConfig(t, "lab"), settingstest.StackConfig(t, "production")
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
		loaded, err := settings.Load(settingstest.StackConfig(t, stack))
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
	for _, stack := range settingstest.StackNames(t) {
		loaded, err := settings.Load(settingstest.StackConfig(t, stack))
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
