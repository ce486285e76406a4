package webtier_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/components/webtier"
)

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app")
	require.NoError(t, os.WriteFile(path, []byte("haven"), 0o600))
	file, err := webtier.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "04a69d8da302ef4efbe84fa115e688a02e70a772500ba0e22e673467da47da11", file.SHA256)
	require.Equal(t, file.SHA256[:12], file.Version())
	require.Equal(t, "app/"+file.SHA256+"/haven-app", file.Key("app", "haven-app"))
	_, err = webtier.ReadFile(path + "-missing")
	require.ErrorContains(t, err, "reading a file to publish")
}
