package main

import (
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// realProvider finds the whole provider in the module cache.
func realProvider(t *testing.T) string {
	t.Helper()
	command := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module)
	command.Dir = ".."
	out, err := command.Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Skipf("the Terraform AWS provider is not in the module cache (%v): run scripts/setup", err)
	}
	return dir
}

// TestRealCutHasTheClientsItCalls reads the cut provider's text, independently of how it was made: a client that is
// called must be there, and so must the service that makes it, or the provider panics when it gets there.
func TestRealCutHasTheClientsItCalls(t *testing.T) {
	upstream := realProvider(t)
	out := filepath.Join(t.TempDir(), "out")
	if err := run(upstream, "../services.txt", out); err != nil {
		t.Fatal(err)
	}
	files := readTree(t, out)
	whole := readTree(t, filepath.Join(upstream, filepath.FromSlash(connsDir)))[clientsFile]
	if problems := missingClients(files, whole); len(problems) > 0 {
		t.Error(strings.Join(problems, "\n"))
	}

	t.Run("a check that cannot fail is none", func(t *testing.T) {
		for what, mutate := range map[string]func(map[string]string){
			"client method": func(f map[string]string) {
				name := path.Join(connsDir, clientsFile)
				f[name] = strings.ReplaceAll(f[name], ") ELBClient(", ") Gone(")
			},
			"service": func(f map[string]string) {
				name := path.Join(providerDir, listFile)
				f[name] = strings.ReplaceAll(f[name], "elb.ServicePackage(ctx)", "gone")
			},
		} {
			mutant := maps.Clone(files)
			mutate(mutant)
			problems := missingClients(mutant, whole)
			if len(problems) != 1 || !strings.Contains(problems[0], "ELBClient") {
				t.Errorf("without the %s of ELB: %q", what, problems)
			}
		}
	})
}

var (
	clientMethod = regexp.MustCompile(`func \(c \*AWSClient\) (\w+)\(ctx context\.Context\)[^{]*\{\s*return .*names\.(\w+),`)
	clientCall   = regexp.MustCompile(`\.(\w+Client)\(ctx`)
	serviceName  = regexp.MustCompile(`ServicePackageName\(\) string \{\s*return names\.(\w+)`)
	listed       = regexp.MustCompile(`(\w+)\.ServicePackage\(ctx\)`)
)

// missingClients says which calls of clients in the files would not find their client or its service. whole is the
// uncut list of clients.
func missingClients(files map[string]string, whole string) []string {
	known, kept := methods(whole), methods(files[path.Join(connsDir, clientsFile)])
	registered := map[string]bool{}
	for _, match := range listed.FindAllStringSubmatch(files[path.Join(providerDir, listFile)], -1) {
		text := files[path.Join(serviceDir(match[1]), serviceFile)]
		if name := serviceName.FindStringSubmatch(text); name != nil {
			registered[name[1]] = true
		}
	}
	problems := map[string]bool{}
	for _, text := range files {
		for _, call := range clientCall.FindAllStringSubmatch(text, -1) {
			constant, isClient := known[call[1]]
			switch {
			case !isClient:
			case kept[call[1]] == "":
				problems[call[1]+" is called and not there"] = true
			case !registered[constant]:
				problems[call[1]+" is called and no registered service makes it"] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(problems))
}

func methods(text string) map[string]string {
	found := map[string]string{}
	for _, match := range clientMethod.FindAllStringSubmatch(text, -1) {
		found[match[1]] = match[2]
	}
	return found
}
