package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/app/internal/files"
)

func store(t *testing.T) (*files.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := files.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

func TestAFileReadsBackWithItsDigest(t *testing.T) {
	s, _ := store(t)
	digest, err := s.Put(t.Context(), "acme", "report.txt", "", strings.NewReader("hello"))
	require.NoError(t, err)
	require.Equal(t, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", digest)
	_, err = s.Put(t.Context(), "acme", "report.txt", digest, strings.NewReader("hello"))
	require.NoError(t, err)
	f, err := s.Get(t.Context(), "acme", "report.txt")
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
	require.Equal(t, digest, f.Digest)
}

func TestNamesCanNotLeaveTheFolder(t *testing.T) {
	s, _ := store(t)
	for _, bad := range []string{"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\x00b", "a b", strings.Repeat("x", 129), "a\n"} {
		_, err := s.Put(t.Context(), "acme", bad, "", strings.NewReader("x"))
		require.ErrorIs(t, err, files.ErrName, "file %q", bad)
		_, err = s.Get(t.Context(), bad, "file")
		require.ErrorIs(t, err, files.ErrName, "tenant %q", bad)
	}
}

func TestASymbolicLinkCanNotLeaveTheFolderEither(t *testing.T) {
	s, dir := store(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "tenants"), 0o755))
	require.NoError(t, os.Symlink("/etc", filepath.Join(dir, "tenants", "evil")))
	_, err := s.Get(t.Context(), "evil", "passwd")
	require.Error(t, err)
}

func TestWhatFailsLeavesTheOldFileAndNothingElse(t *testing.T) {
	s, dir := store(t)
	_, err := s.Put(t.Context(), "acme", "f", "", strings.NewReader("old"))
	require.NoError(t, err)
	broken := io.MultiReader(strings.NewReader("half"), errorReader{})
	_, err = s.Put(t.Context(), "acme", "f", "", broken)
	require.ErrorContains(t, err, "torn")
	_, err = s.Put(t.Context(), "acme", "f", "", io.LimitReader(zeros{}, files.MaxSize+1))
	require.ErrorIs(t, err, files.ErrTooLarge)
	_, err = s.Put(t.Context(), "acme", "f", "00", strings.NewReader("new"))
	require.ErrorIs(t, err, files.ErrDigest)
	entries, err := os.ReadDir(filepath.Join(dir, "tenants", "acme"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	text, err := os.ReadFile(filepath.Join(dir, "tenants", "acme", "f"))
	require.NoError(t, err)
	require.Equal(t, "old", string(text))
}

func TestReadersSeeWholeFilesOnly(t *testing.T) {
	s, _ := store(t)
	var group sync.WaitGroup
	for writer := range 4 {
		group.Go(func() {
			for range 20 {
				_, err := s.Put(context.Background(), "acme", "f", "", bytes.NewReader(bytes.Repeat([]byte{byte('a' + writer)}, 100_000)))
				require.NoError(t, err)
				f, err := s.Get(context.Background(), "acme", "f")
				require.NoError(t, err)
				text, _ := io.ReadAll(f)
				require.NoError(t, f.Close())
				require.Len(t, bytes.Trim(text, string(text[:1])), 0, "torn")
				require.Len(t, text, 100_000)
			}
		})
	}
	group.Wait()
}

func TestMissing(t *testing.T) {
	s, _ := store(t)
	_, err := s.Get(t.Context(), "acme", "nothing")
	require.ErrorIs(t, err, files.ErrNotFound)
}

func TestTheProbe(t *testing.T) {
	s, dir := store(t)
	p := files.NewProber(s, "i-1/../x")
	require.NoError(t, p.Check(t.Context()))
	require.NoError(t, p.Check(t.Context()))
	require.NoError(t, os.RemoveAll(dir))
	require.Error(t, p.Check(t.Context()))
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, p.Check(t.Context()), "a folder that is mounted anew must be found")
}

func TestAHangingFolderIsReportedAndHoldsOneProbe(t *testing.T) {
	s, dir := store(t)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, ".probe-i-1"), 0o600)) // a rename over it works, a read of it would hang
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".probe-i-2"), 0o700))
	require.NoError(t, files.NewProber(s, "i-1").Check(t.Context()), "replaced by the probe")
	require.Error(t, files.NewProber(s, "i-2").Check(t.Context()), "a folder in its place must not pass")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	p := files.NewProber(s, "i-3")
	err := p.Check(ctx)
	if err != nil { // it may have been faster
		require.ErrorContains(t, err, "not answered")
	}
}

func TestALateAnswerIsAnAnswer(t *testing.T) {
	s, dir := store(t)
	p := files.NewProber(s, "i-1")
	require.Zero(t, p.Answered())
	gaveUp, cancel := context.WithCancel(t.Context())
	cancel()
	_ = p.Check(gaveUp) // the probe goes on without it
	require.Eventually(t, func() bool { return !p.Answered().IsZero() }, 5*time.Second, time.Millisecond)
	last := p.Answered()
	require.NoError(t, os.RemoveAll(dir))
	require.Error(t, p.Check(t.Context()))
	require.Equal(t, last, p.Answered(), "an error is no answer")
}

func TestSweepRemovesOnlyStaleLeftovers(t *testing.T) {
	s, dir := store(t)
	folder := filepath.Join(dir, "tenants", "acme")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	old := time.Now().Add(-2 * time.Hour)
	for i, file := range []string{".new-old", ".new-young", "kept"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), nil, 0o600))
		if i != 1 {
			require.NoError(t, os.Chtimes(filepath.Join(folder, file), old, old))
		}
	}
	require.NoError(t, s.Sweep())
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, ".new-young", entries[0].Name())
	require.Equal(t, "kept", entries[1].Name())
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errors.New("torn") }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
