package structure

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "haven/"

// root is the project's folder, seen from this test.
const root = "../.."

// source is one Go file outside the toolchain's own modules.
type source struct {
	dir     string // such as "lab/wire"
	test    bool
	doc     bool // it has a package comment
	imports []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || ownModule(path)) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		one := source{dir: filepath.ToSlash(dir), test: strings.HasSuffix(name, "_test.go"), doc: file.Doc != nil}
		for _, spec := range file.Imports {
			if ours, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ok {
				one.imports = append(one.imports, ours)
			}
		}
		all = append(all, one)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// ownModule reports whether a folder is a Go module of its own, as the toolchain's parts are.
func ownModule(path string) bool {
	matches, _ := filepath.Glob(filepath.Join(path, "go.mod"))
	return len(matches) > 0
}

// forbidden lists, for a part of the project, what it must not import.
var forbidden = []struct{ part, imports, why string }{
	{"lab", "components", "the lab is a cloud: it knows nothing of the program"},
	{"lab", "infra", "the lab is a cloud: it knows nothing of the program"},
	{"lab", "test", "the lab knows no tests of the whole"},
	{"lab/realm", "lab/services", "the realm runs what it is told, and knows no API"},
	{"lab/realm", "lab/cloud", "the realm runs what it is told, and knows no store"},
	{"lab/services", "lab/wire", "handlers know no HTTP"},
	{"components", "lab", "the program goes to AWS and to the lab unchanged"},
	{"components", "app", "components know the application by its artifact alone"},
	{"infra", "lab", "the program goes to AWS and to the lab unchanged"},
	{"drill", "lab", "drills see what clients see, and run against AWS unchanged"},
	{"drill", "components", "drills judge what was built, not what was meant"},
	{"drill", "test", "the command line runs drills, too"},
	{"app", "lab", "the application runs anywhere"},
	{"app", "components", "the application runs anywhere"},
	{"app", "infra", "the application runs anywhere"},
	{"test/e2e", "lab", "end-to-end tests see what users see"},
	{"test/e2e", "components", "end-to-end tests see what users see"},
}

func violations(all []source) (found []string) {
	for _, file := range all {
		for _, rule := range forbidden {
			if !within(file.dir, rule.part) || excused(file, rule.part) {
				continue
			}
			for _, imported := range file.imports {
				if within(imported, rule.imports) {
					found = append(found, file.dir+" imports "+imported+": "+rule.why)
				}
			}
		}
	}
	return found
}

// excused are tests inside the lab, which speak to services through the wire and make realms for them, and IAM, which
// tells the wire who a caller is and implements its interfaces.
func excused(file source, part string) bool {
	return file.test && strings.HasPrefix(part, "lab/") || file.dir == "lab/services/iam" && part == "lab/services"
}

func within(dir, part string) bool { return dir == part || strings.HasPrefix(dir, part+"/") }

func TestNoPackageImportsWhatItMustNotKnow(t *testing.T) {
	require.Empty(t, violations(sources(t)))
}

func TestAViolationIsFound(t *testing.T) {
	bad := []source{{dir: "components/network", imports: []string{"lab/cloud"}}, {dir: "lab/wire", imports: []string{"lab/cloud"}}}
	require.Equal(t, []string{"components/network imports lab/cloud: the program goes to AWS and to the lab unchanged"}, violations(bad))
}

func undocumented(all []source) (missing []string) {
	documented, seen := map[string]bool{}, map[string]bool{}
	for _, file := range all {
		if !file.test {
			seen[file.dir] = true
			documented[file.dir] = documented[file.dir] || file.doc
		}
	}
	for dir := range seen {
		if !documented[dir] {
			missing = append(missing, dir)
		}
	}
	return missing
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	require.Empty(t, undocumented(sources(t)))
}

func TestAMissingPackageCommentIsFound(t *testing.T) {
	require.Equal(t, []string{"lab/x"}, undocumented([]source{{dir: "lab/x"}, {dir: "lab/y", doc: true}, {dir: "lab/z", test: true}}))
}
