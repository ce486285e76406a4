package naming_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/components/internal/naming"
)

func TestFitKeepsShortNames(t *testing.T) {
	require.Equal(t, "haven-lab-database", naming.Fit(50, "Haven-lab", "database"))
}

func TestFitCutsLongNamesAndKeepsThemApart(t *testing.T) {
	one := naming.Fit(20, "haven-production-europe", "database")
	two := naming.Fit(20, "haven-production-europe", "databases")
	require.LessOrEqual(t, len(one), 20)
	require.NotEqual(t, one, two)
	require.Equal(t, one, naming.Fit(20, "haven-production-europe", "database"), "equal input, equal name")
}

func TestFitNeverExceedsItsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(12, 63).Draw(t, "limit")
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-z][a-z0-9]{0,30}`), 1, 5).Draw(t, "parts")
		name := naming.Fit(limit, parts...)
		if len(name) > limit || name == "" {
			t.Fatalf("%q has %d characters, limit %d", name, len(name), limit)
		}
	})
}
