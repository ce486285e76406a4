package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ensure returns the path of the tool's binary in the cache, and builds it first if it is not there.
func (t tool) ensure(ctx context.Context, cache string, p *progress) (string, error) {
	key, err := t.key(ctx)
	if err != nil {
		return "", err
	}
	entry := filepath.Join(cache, t.binary+"-"+key)
	binary := filepath.Join(entry, t.binary)
	if isFile(binary) {
		return binary, os.Chtimes(entry, time.Time{}, time.Now())
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(cache, t.binary+".lock"), func() {
		p.line("%s: another setup is building it; waiting …", t.title)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if isFile(binary) {
		return binary, nil // the other setup has built it
	}
	if err := removeAbandoned(cache, t.binary); err != nil {
		return "", err
	}
	if err := t.build(ctx, cache, entry, p); err != nil {
		return "", err
	}
	return binary, removeUnused(cache, t.binary)
}

// build compiles the tool in a working folder of the cache, which then becomes the entry.
func (t tool) build(ctx context.Context, cache, entry string, p *progress) error {
	work, err := os.MkdirTemp(cache, t.binary+workSuffix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	finished := filepath.Join(work, "finished")
	if err := os.Mkdir(finished, 0o755); err != nil {
		return err
	}
	flags := append(slices.Clone(buildFlags), "-ldflags", t.ldflags)
	flags = append(flags, withoutInlining(plain)...)
	err = p.step(t.title+": downloading modules", silent, func() error {
		if t.prepare != nil {
			more, err := t.prepare(ctx, t, work)
			if err != nil {
				return err
			}
			flags = append(flags, more...)
		}
		// Listing what the build needs downloads just that: "go mod download" would fetch all that could be needed.
		_, err := goOutput(ctx, t.folder, append(append([]string{"list", "-deps", "-f", "{{.Name}}"}, flags...), t.pkg)...)
		return err
	})
	if err != nil {
		return err
	}
	var compiled atomic.Int64
	status := func() string { return fmt.Sprintf(" (%d packages)", compiled.Load()) }
	err = p.step(t.title+": compiling", status, func() error {
		binary := filepath.Join(finished, t.binary)
		return goBuild(ctx, t.folder, pinnedEnvironment(), &compiled, append(append(flags, "-o", binary), t.pkg)...)
	})
	if err != nil {
		return err
	}
	if err := os.Rename(finished, entry); err != nil {
		return fmt.Errorf("keeping the build in the cache: %w", err)
	}
	return nil
}

// key is a hash of everything that goes into the tool: its sources, modules, flags, and the compiler.
func (t tool) key(ctx context.Context) (string, error) {
	version, err := goOutput(ctx, t.folder, "env", "GOVERSION")
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w", err)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s/%s %q %q %q %s\n", strings.TrimSpace(string(version)), runtime.GOOS, runtime.GOARCH,
		buildFlags, t.ldflags, plain, t.pkg)
	if err := hashFolder(sum, t.folder); err != nil {
		return "", fmt.Errorf("reading %s: %w", t.folder, err)
	}
	return hex.EncodeToString(sum.Sum(nil))[:20], nil
}

// hashFolder feeds the name and content of every file but the tests' into sum, in the order of their names.
func hashFolder(sum io.Writer, folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s %x\n", filepath.ToSlash(relative), sha256.Sum256(text))
		return err
	})
}

// workSuffix marks a folder of the cache in which a build is under way.
const workSuffix = ".work-"

// removeAbandoned removes what a build left that was killed. Its caller holds the tool's lock, so none is under way.
func removeAbandoned(cache, binary string) error {
	left, err := filepath.Glob(filepath.Join(cache, binary+workSuffix+"*"))
	if err != nil {
		return err
	}
	for _, folder := range left {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("removing what an interrupted setup left: %w", err)
		}
	}
	return nil
}

// unusedAfter is how long a build is kept that no clone has asked for.
const unusedAfter = 30 * 24 * time.Hour

// removeUnused removes old builds of a tool: each takes up to two hundred megabytes. Clones that have one keep it: what
// is in them is another name of the same file.
func removeUnused(cache, binary string) error {
	builds, err := filepath.Glob(filepath.Join(cache, binary+"-????????????????????"))
	if err != nil {
		return err
	}
	for _, entry := range builds {
		info, err := os.Stat(entry)
		if err != nil || time.Since(info.ModTime()) < unusedAfter {
			continue
		}
		if err := os.RemoveAll(entry); err != nil {
			return fmt.Errorf("removing a build that has not been used for %s: %w", unusedAfter, err)
		}
	}
	return nil
}

// lock takes a lock that the kernel drops when this process ends, however it ends. It calls waiting once if somebody
// else has it.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	told := false
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if !told {
			waiting()
			told = true
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
