package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALogIsCopiedFromADrillsBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lab.log")
	text := "time=2026-11-22T03:00:00.5Z level=INFO msg=before\n" +
		"  its second line\n" +
		"time=2026-11-22T03:00:01Z level=INFO msg=during\n" +
		"  its second line\n" +
		"time=2026-11-22T03:00:09Z level=INFO msg=\"cut off"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	for since, want := range map[string]string{
		"2026-11-22T03:00:01Z": text[strings.Index(text, "time=2026-11-22T03:00:01Z"):],
		"2026-11-22T02:00:00Z": text,
		"2026-11-22T04:00:00Z": "",
	} {
		at, err := time.Parse(time.RFC3339, since)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, linesSince(&out, path, "time=", at))
		require.Equal(t, want, out.String())
	}
	require.Error(t, linesSince(&bytes.Buffer{}, path+".gone", "time=", time.Now()))
	at, ok := timeOf(`{"id":1,"time":"2026-11-22T03:00:01.5Z","text":"x"}`, `"time":"`)
	require.True(t, ok)
	require.Equal(t, 500*time.Millisecond, time.Duration(at.Nanosecond()))
}

func TestWhatAMachineIs(t *testing.T) {
	require.Equal(t, "23 GiB of memory", memoryOf("MemTotal:       24117248 kB\nMemFree: 1 kB\n"))
	require.Equal(t, "Debian GNU/Linux 12 (bookworm)", systemOf("NAME=\"x\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"))
	require.Equal(t, "6.66.3", providerVersion([]byte(`[{"name":"random","kind":"resource","version":"1"},{"name":"aws","kind":"resource","version":"6.66.3"}]`)))
	require.Empty(t, providerVersion([]byte("?")))
	require.Equal(t, "2.6.12", version.FindString("HAProxy version 2.6.12-1+deb12u4 2026/10/17"))
	require.Regexp(t, `^\d+ cores`, Machine())
	require.NotEmpty(t, kernel())
}
