package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallTool is a tool that compiles in a moment.
func smallTool(t *testing.T) tool {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "go.mod"), "module small\n\ngo 1.26\n")
	write(t, filepath.Join(folder, "main.go"), "package main\n\nfunc main() { println(\"small\") }\n")
	return tool{title: "small", folder: folder, pkg: ".", binary: "small", ldflags: "-s -w"}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestEnsureBuildsOnce(t *testing.T) {
	small, cache := smallTool(t), filepath.Join(t.TempDir(), "cache")
	var said bytes.Buffer
	first, err := small.ensure(t.Context(), cache, newProgress(&said))
	require.NoError(t, err)
	assert.Contains(t, said.String(), "small: compiling")
	before, err := os.Stat(first)
	require.NoError(t, err)

	said.Reset()
	second, err := small.ensure(t.Context(), cache, newProgress(&said))
	require.NoError(t, err)
	after, err := os.Stat(second)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	assert.True(t, os.SameFile(before, after), "it was built again")
	assert.Empty(t, said.String())
	assert.Empty(t, leftovers(t, cache))
}

func TestKeyChangesWithWhatIsBuilt(t *testing.T) {
	small := smallTool(t)
	key := func(s tool) string {
		k, err := s.key(t.Context())
		require.NoError(t, err)
		return k
	}
	original := key(small)
	other := smallTool(t)
	assert.Equal(t, original, key(other), "the folder's place must not matter")

	write(t, filepath.Join(small.folder, "main_test.go"), "package main\n")
	assert.Equal(t, original, key(small), "tests are not built")
	write(t, filepath.Join(small.folder, "more.txt"), "embedded\n")
	assert.NotEqual(t, original, key(small), "a file was added")

	other.ldflags = "-s"
	assert.NotEqual(t, original, key(other), "the flags are others")
	third := smallTool(t)
	write(t, filepath.Join(third.folder, "main.go"), "package main\n\nfunc main() {}\n")
	assert.NotEqual(t, original, key(third), "the source is another")
}

func TestTwoSetupsBuildOnce(t *testing.T) {
	small, cache := smallTool(t), t.TempDir()
	var said safeBuffer
	p := newProgress(&said)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, err := small.ensure(t.Context(), cache, p)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Equal(t, 1, strings.Count(said.String(), "small: compiling …"))
	assert.Empty(t, leftovers(t, cache))
}

func TestJobsAllRun(t *testing.T) {
	var ran atomic.Int64
	wrong := errors.New("wrong")
	err := runJobs([]func() error{
		func() error { ran.Add(1); return wrong },
		func() error { ran.Add(1); return nil },
		func() error { ran.Add(1); return errors.New("worse") },
		func() error { ran.Add(1); return nil },
	})
	assert.EqualValues(t, 4, ran.Load(), "a failure must not stop the others")
	assert.ErrorIs(t, err, wrong)
	assert.ErrorContains(t, err, "worse")
	assert.NoError(t, runJobs([]func() error{func() error { return nil }}))
}

func TestCompilersMayWasteMemoryOnlyWhereThereIsPlenty(t *testing.T) {
	t.Setenv("GOGC", "")
	assert.Empty(t, compilerEnvironment(roomToWaste-1))
	assert.Equal(t, []string{"GOGC=400"}, compilerEnvironment(roomToWaste))
	t.Setenv("GOGC", "50")
	assert.Empty(t, compilerEnvironment(roomToWaste), "the user has said otherwise")
}

func TestAvailableMemoryIsKnown(t *testing.T) {
	assert.Greater(t, availableMemory(), uint64(1<<20))
}

func TestStoppedBuildLeavesNothing(t *testing.T) {
	small, cache := smallTool(t), t.TempDir()
	small.prepare = func(ctx context.Context, _ tool, _ string) ([]string, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := small.ensure(ctx, cache, newProgress(&safeBuffer{}))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, leftovers(t, cache))
	built, err := filepath.Glob(filepath.Join(cache, "small-*"))
	require.NoError(t, err)
	assert.Empty(t, built)
}

func TestKilledBuildIsCleanedUp(t *testing.T) {
	small, cache := smallTool(t), t.TempDir()
	abandoned := filepath.Join(cache, "small"+workSuffix+"123")
	require.NoError(t, os.MkdirAll(abandoned, 0o755))
	write(t, filepath.Join(abandoned, "half"), "half")
	_, err := small.ensure(t.Context(), cache, newProgress(&safeBuffer{}))
	require.NoError(t, err)
	assert.NoDirExists(t, abandoned)
}

func TestBuildsThatNobodyUsesAreRemoved(t *testing.T) {
	small, cache := smallTool(t), t.TempDir()
	old, recent := filepath.Join(cache, "small-00000000000000000000"), filepath.Join(cache, "small-11111111111111111111")
	another := filepath.Join(cache, "small-language-go-00000000000000000000")
	for folder, age := range map[string]time.Duration{old: 2 * unusedAfter, recent: unusedAfter / 2, another: 2 * unusedAfter} {
		require.NoError(t, os.MkdirAll(folder, 0o755))
		require.NoError(t, os.Chtimes(folder, time.Time{}, time.Now().Add(-age)))
	}
	built, err := small.ensure(t.Context(), cache, newProgress(&safeBuffer{}))
	require.NoError(t, err)
	assert.FileExists(t, built)
	assert.NoDirExists(t, old)
	assert.DirExists(t, recent)
	assert.DirExists(t, another, "it is another tool's")

	require.NoError(t, os.Chtimes(filepath.Dir(built), time.Time{}, time.Now().Add(-2*unusedAfter)))
	_, err = small.ensure(t.Context(), cache, newProgress(&safeBuffer{}))
	require.NoError(t, err)
	info, err := os.Stat(filepath.Dir(built))
	require.NoError(t, err)
	assert.Less(t, time.Since(info.ModTime()), time.Hour, "using a build must keep it")
}

func TestFailedBuildSaysWhy(t *testing.T) {
	small, cache := smallTool(t), t.TempDir()
	write(t, filepath.Join(small.folder, "main.go"), "package main\n\nfunc main() { undeclared() }\n")
	_, err := small.ensure(t.Context(), cache, newProgress(&safeBuffer{}))
	assert.ErrorContains(t, err, "undefined: undeclared")
	assert.Empty(t, leftovers(t, cache))
}

func TestWaitingForALockCanBeStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() { t.Error("nobody has it") })
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = lock(ctx, path, cancel)
	assert.ErrorIs(t, err, context.Canceled)
}

// leftovers lists the working folders in a cache.
func leftovers(t *testing.T, cache string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache, "*"+workSuffix+"*"))
	require.NoError(t, err)
	return left
}

// safeBuffer is a buffer that several goroutines may write to.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
