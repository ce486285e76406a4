package sabotage

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/run"
	"haven/drill/sabotage"
	"haven/drill/stack"
	"haven/drill/target"
	"haven/drill/undo"
)

// TestSabotageIsCaught needs a lab's environment that is up, and about three minutes for each variant:
// HAVEN_SABOTAGE=lab go test -count=1 -timeout 60m -v ./test/sabotage
func TestSabotageIsCaught(t *testing.T) {
	if os.Getenv("HAVEN_SABOTAGE") != stack.Lab {
		t.Skip("set HAVEN_SABOTAGE=lab, with an environment that is up")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	seed := rand.Uint64N(1 << 32)
	if text := os.Getenv("HAVEN_SABOTAGE_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d", seed)
	environment, err := stack.Open(t.Context(), stack.Options{Root: root, Stack: stack.Lab, Journal: target.NewJournal(nil)})
	require.NoError(t, err)
	leftovers, err := undo.Open(filepath.Join(root, ".haven", "drill-leftovers.json"))
	require.NoError(t, err)
	for _, v := range sabotage.All() {
		t.Run(v.Name, func(t *testing.T) {
			result, err := sabotage.Run(t.Context(), run.Drill{Environment: environment, Leftovers: leftovers, Say: t.Logf}, v, seed)
			t.Logf("%s: %s %s %s", v.Does, result.Scenario, result.Verdict, result.Reason)
			for _, f := range result.Findings {
				t.Logf("%s %v: %s", f.Promise, f.Controls, f.Text)
			}
			require.NoError(t, err)
		})
	}
	require.NoError(t, environment.Program.ExpectNoChanges(t.Context(), true), "nothing of it is left")
}
