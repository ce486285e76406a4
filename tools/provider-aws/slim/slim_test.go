package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const fixture = "testdata/provider"

// cutFixture cuts the small provider and returns its files by name.
func cutFixture(t *testing.T, services string) map[string]string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "services.txt")
	if err := os.WriteFile(list, []byte(services), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := run(fixture, list, out); err != nil {
		t.Fatal(err)
	}
	return readTree(t, out)
}

func readTree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		relative, _ := filepath.Rel(root, path)
		files[filepath.ToSlash(relative)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCutKeepsWhatIsReached(t *testing.T) {
	files := cutFixture(t, "alpha !rare_*  # all but the rare ones")
	kept := []string{
		"LICENSE", "go.mod", "go.sum",
		"internal/conns/awsclient_gen.go", "internal/conns/conns.go",
		"internal/errs/must.go",
		"internal/generic/init.go",    // runs without being named
		"internal/generic/methods.go", // of a type that is named
		"internal/generic/pointer.go",
		"internal/provider/provider.go", "internal/provider/service_packages_gen.go",
		"internal/service/alpha/find.go", "internal/service/alpha/other.go",
		"internal/service/alpha/service_package_gen.go", "internal/service/alpha/thing.go",
		"internal/service/beta/service_package_gen.go", // its client is called
		"internal/service/gamma/find.go",               // a part of it is used
		"internal/types/entry.go",
		"names/names.go", "names/names.txt",
		"xpprovider/xpprovider.go",
	}
	var got []string
	for name := range files {
		got = append(got, name)
	}
	slices.Sort(got)
	if !slices.Equal(got, kept) {
		t.Errorf("kept %s\nwant %s", strings.Join(got, "\n     "), strings.Join(kept, "\n     "))
	}
	for name, text := range files {
		if !strings.HasSuffix(name, ".go") {
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.AllErrors); err != nil {
			t.Errorf("%s does not parse: %v\n%s", name, err, text)
		}
	}
}

func TestCutWritesTheListsAnew(t *testing.T) {
	files := cutFixture(t, "alpha !rare_*")
	expect := func(name string, want, not []string) {
		t.Helper()
		for _, text := range want {
			if !strings.Contains(files[name], text) {
				t.Errorf("%s lacks %q:\n%s", name, text, files[name])
			}
		}
		for _, text := range not {
			if strings.Contains(files[name], text) {
				t.Errorf("%s has %q:\n%s", name, text, files[name])
			}
		}
	}
	expect("internal/service/alpha/service_package_gen.go",
		[]string{"resourceThing", "resourceOther"}, []string{"resourceRare", "aws_alpha_rare"})
	expect("internal/service/beta/service_package_gen.go",
		[]string{"return names.Beta"}, []string{"resourceThing", "resourceOther", "TypeName"})
	expect("internal/provider/service_packages_gen.go",
		[]string{"alpha.ServicePackage(ctx)", "beta.ServicePackage(ctx)"}, []string{"gamma"})
	expect("internal/conns/awsclient_gen.go",
		[]string{"AlphaClient", "BetaClient", `alphasdk "example.test/sdk/alpha"`}, []string{"GammaClient", "sdk/gamma"})
}

func TestCutIsDeterministic(t *testing.T) {
	first, second := cutFixture(t, "alpha\ngamma"), cutFixture(t, "gamma\nalpha")
	if len(first) != len(second) {
		t.Fatalf("%d files, then %d", len(first), len(second))
	}
	for name, text := range first {
		if second[name] != text {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestCutRefuses(t *testing.T) {
	for name, test := range map[string]struct{ upstream, services, want string }{
		"an unknown service":  {fixture, "delta", `the provider has no service "delta"`},
		"another folder":      {t.TempDir(), "alpha", "holds no Terraform AWS provider"},
		"a service twice":     {fixture, "alpha\nalpha", "2: service alpha is listed twice"},
		"a pattern without !": {fixture, "alpha rare_*", `1: "rare_*" is not a file pattern`},
		"a broken pattern":    {fixture, "alpha ![", `1: "![" is not a file pattern`},
		"nothing":             {fixture, "# none\n", "no service is listed"},
	} {
		t.Run(name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "services.txt")
			if err := os.WriteFile(list, []byte(test.services), 0o644); err != nil {
				t.Fatal(err)
			}
			err := run(test.upstream, list, filepath.Join(t.TempDir(), "out"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
