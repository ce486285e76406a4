package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// home is the project's folder of local state, .haven: programs, a Pulumi home of its own, and the environment to
// use them with.
type home struct{ root string }

func (h home) dir() string         { return filepath.Join(h.root, ".haven") }
func (h home) bin() string         { return filepath.Join(h.dir(), "bin") }
func (h home) pulumi() string      { return filepath.Join(h.dir(), "pulumi") }
func (h home) environment() string { return filepath.Join(h.dir(), "env") }

// install puts the tools where Pulumi finds them: the command line and the language host side by side, as in an
// official release, and the provider among the plugins. On the PATH it would shadow every version of the plugin.
func (h home) install(tools map[string]string) error {
	plugin := filepath.Join(h.pulumi(), "plugins", providerPlugin)
	for binary, folder := range map[string]string{
		pulumiBinary: h.bin(), languageBinary: h.bin(), providerBinary: plugin,
	} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := place(tools[binary], filepath.Join(folder, binary)); err != nil {
			return err
		}
	}
	return nil
}

// place makes a file appear at target, whole, as another name of source: Pulumi follows symbolic links, and would
// then look for its parts in the cache. Between file systems it copies.
func place(source, target string) error {
	if same, err := sameFile(source, target); err != nil || same {
		return err
	}
	temporary := fmt.Sprintf("%s.%d.tmp", target, os.Getpid())
	if err := os.Link(source, temporary); err != nil {
		if err := copyFile(source, temporary); err != nil {
			os.Remove(temporary)
			return err
		}
	}
	defer os.Remove(temporary) // renaming a link onto another name of the same file leaves it
	return os.Rename(temporary, target)
}

// sameFile says whether target is source, or a copy of it made after it.
func sameFile(source, target string) (bool, error) {
	from, err := os.Stat(source)
	if err != nil {
		return false, err
	}
	to, err := os.Stat(target)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(from, to) || from.Size() == to.Size() && from.ModTime().Equal(to.ModTime()), nil
}

func copyFile(source, target string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	to, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Chtimes(target, info.ModTime(), info.ModTime())
}

// writeEnvironment writes the file that a shell sources to use the tools. Pulumi then stays within the project's
// home and never asks the network for a plugin or a newer version of itself. It runs the program by "go run", which
// keeps what it linked: by itself the language host links the program anew for every command, which takes five seconds.
func (h home) writeEnvironment() error {
	text := strings.Join([]string{
		"# Written by scripts/setup. Source it:  . " + quote(h.environment()),
		"export PATH=" + quote(h.bin()) + `:"$PATH"`,
		"export PULUMI_HOME=" + quote(h.pulumi()),
		"export PULUMI_SKIP_UPDATE_CHECK=true",
		"export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true",
		"export PULUMI_GO_USE_RUN=true",
		"",
	}, "\n")
	if old, err := os.ReadFile(h.environment()); err == nil && string(old) == text {
		return nil
	}
	temporary := fmt.Sprintf("%s.%d.tmp", h.environment(), os.Getpid())
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, h.environment())
}

// quote writes a word so that a shell reads it as it is.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }
