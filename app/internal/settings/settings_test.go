package settings_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/app/internal/settings"
)

// good returns settings that load, for tests to spoil.
func good(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	return map[string]string{
		"HAVEN_REGION": "us-east-1", "HAVEN_DB_WRITER_HOST": "writer.test", "HAVEN_DB_READER_HOST": "reader.test",
		"HAVEN_DB_HOSTS": "one.test, two.test:6000,", "HAVEN_DB_NAME": "haven", "HAVEN_DB_CA_FILE": ca,
		"HAVEN_DB_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:x", "HAVEN_SHARED_DIR": dir,
	}
}

func load(env map[string]string) (settings.Settings, error) {
	return settings.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func TestGoodSettingsAndTheirDefaults(t *testing.T) {
	s, err := load(good(t))
	require.NoError(t, err)
	require.Equal(t, ":8080", s.Listen)
	require.Equal(t, 15*time.Second, s.Detection)
	require.Equal(t, 30*time.Second, s.Drain)
	require.Equal(t, []string{"writer.test:5432", "one.test:5432", "two.test:6000"}, s.Database.Writers)
	require.Equal(t, []string{"reader.test:5432", "one.test:5432", "two.test:6000", "writer.test:5432"}, s.Database.Readers)
}

func TestEveryProblemIsListedAtOnce(t *testing.T) {
	_, err := load(map[string]string{"HAVEN_LISTEN": "8080", "HAVEN_DRAIN_SECONDS": "soon", "HAVEN_DETECTION_SECONDS": "later", "HAVEN_DB_PORT": "70000"})
	for _, name := range []string{
		"HAVEN_LISTEN", "HAVEN_DRAIN_SECONDS", "HAVEN_DETECTION_SECONDS", "HAVEN_DB_PORT", "HAVEN_DB_WRITER_HOST", "HAVEN_DB_NAME",
		"HAVEN_DB_CA_FILE", "HAVEN_DB_SECRET_ARN", "HAVEN_SHARED_DIR",
	} {
		require.ErrorContains(t, err, name)
	}
}

func TestEachBadValueIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"HAVEN_LISTEN": ":http:80", "HAVEN_DRAIN_SECONDS": "-1", "HAVEN_DETECTION_SECONDS": "3601", "HAVEN_DB_PORT": "0", "HAVEN_DB_NAME": "a b",
		"HAVEN_DB_HOSTS": "a.test,b.test:x", "HAVEN_DB_WRITER_HOST": "user@host", "HAVEN_DB_CA_FILE": "/nonexistent",
		"HAVEN_DB_SECRET_ARN": "password", "HAVEN_SHARED_DIR": "relative", "HAVEN_REGION": "",
	} {
		t.Run(name, func(t *testing.T) {
			env := good(t)
			env[name] = value
			_, err := load(env)
			require.ErrorContains(t, err, name)
		})
	}
}

func TestAFileWithoutACertificateIsRefused(t *testing.T) {
	env := good(t)
	require.NoError(t, os.WriteFile(env["HAVEN_DB_CA_FILE"], []byte("not a certificate"), 0o600))
	_, err := load(env)
	require.ErrorContains(t, err, "HAVEN_DB_CA_FILE")
}

func TestTwoSourcesOfTheSecretAreRefused(t *testing.T) {
	env := good(t)
	env["HAVEN_DB_SECRET_JSON_FILE"] = env["HAVEN_DB_CA_FILE"]
	_, err := load(env)
	require.ErrorContains(t, err, "both set")
}
