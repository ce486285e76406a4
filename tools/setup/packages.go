package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldestPostgreSQL is the first major version with all that the lab's replicas use.
const oldestPostgreSQL = 15

// systemPackage is a program that the lab runs and does not build, by its Debian name.
type systemPackage struct {
	name    string
	present func(system) bool
}

// system is the part of the machine that the check looks at.
type system struct {
	lookPath func(string) (string, error)
	glob     func(string) ([]string, error)
}

var thisMachine = system{lookPath: lookPath, glob: filepath.Glob}

// lookPath finds a program on the PATH or where administrators' programs are: those folders are not on everybody's.
func lookPath(program string) (string, error) {
	if found, err := exec.LookPath(program); err == nil {
		return found, nil
	}
	for _, folder := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if isFile(filepath.Join(folder, program)) {
			return filepath.Join(folder, program), nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
}

// needed lists what the lab runs.
var needed = []systemPackage{
	{"awscli", file("/usr/bin/aws", "/usr/local/bin/aws")}, // servers of the lab use it, and see no program of a user's own
	{"btrfs-progs", program("mkfs.btrfs")},
	{"curl", file("/usr/bin/curl", "/usr/local/bin/curl")}, // so do they
	{"haproxy", program("haproxy")},
	{"iproute2", program("ip", "tc")},
	{"nftables", program("nft")},
	{"postgresql", postgresql},
}

func program(names ...string) func(system) bool {
	return func(s system) bool {
		for _, name := range names {
			if _, err := s.lookPath(name); err != nil {
				return false
			}
		}
		return true
	}
}

func file(paths ...string) func(system) bool {
	return func(s system) bool {
		for _, path := range paths {
			if found, _ := s.glob(path); len(found) > 0 {
				return true
			}
		}
		return false
	}
}

var postgresqlFolder = regexp.MustCompile(`/(?:postgresql/|pgsql-)(\d+)/bin/postgres$`)

// postgresql looks for a server: its programs are kept off the PATH, in a folder for each major version.
func postgresql(s system) bool {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres"} {
		found, _ := s.glob(pattern)
		for _, path := range found {
			match := postgresqlFolder.FindStringSubmatch(path)
			if match == nil {
				continue
			}
			if major, _ := strconv.Atoi(match[1]); major >= oldestPostgreSQL {
				return true
			}
		}
	}
	return false
}

// missingPackages names the packages of which something is not there.
func missingPackages(s system) []string {
	var missing []string
	for _, p := range needed {
		if !p.present(s) {
			missing = append(missing, p.name)
		}
	}
	return missing
}

// ensurePackages installs what is missing where it can, and otherwise says what to type.
func ensurePackages(ctx context.Context, p *progress) error {
	missing := missingPackages(thisMachine)
	if len(missing) == 0 {
		return nil
	}
	_, aptErr := exec.LookPath("apt-get")
	if aptErr != nil || os.Geteuid() != 0 {
		return errors.New(installAdvice(missing, aptErr == nil))
	}
	title := "installing " + strings.Join(missing, ", ")
	if err := p.step(title, silent, func() error { return aptInstall(ctx, missing) }); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	if still := missingPackages(thisMachine); len(still) > 0 {
		return fmt.Errorf("apt-get installed %s, but what the lab needs of them is not there", strings.Join(still, ", "))
	}
	return nil
}

// installAdvice says what is missing and the exact command that would help.
func installAdvice(missing []string, apt bool) string {
	names := strings.Join(missing, " ")
	if apt {
		return fmt.Sprintf("the system lacks %d packages; type:\n\n    sudo apt-get update && "+
			"sudo apt-get install --yes --no-install-recommends %s\n", len(missing), names)
	}
	return fmt.Sprintf("the system lacks these programs, here by the names of Debian's packages: %s; "+
		"install them with the system's package manager (PostgreSQL %d or newer)", names, oldestPostgreSQL)
}
