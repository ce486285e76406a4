package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/scenario"
	"haven/drill/undo"
)

func TestLeftoversAreNamed(t *testing.T) {
	state := t.TempDir()
	lab := filepath.Join(state, "lab")
	var out bytes.Buffer
	require.NoError(t, printLeftovers(&out, lab))
	require.Empty(t, out.String(), "nothing is left behind: nothing is said")

	file, err := undo.Open(filepath.Join(state, undo.Name))
	require.NoError(t, err)
	require.NoError(t, file.Remember("x", scenario.Undoing{Kind: scenario.Experiments, Target: "EXT1"}))
	require.NoError(t, printLeftovers(&out, lab))
	require.Contains(t, out.String(), "experiments of EXT1")
	require.Contains(t, out.String(), "haven drill run")
}
