package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// Use is a call of the SDK in the program's source that registers a resource or invokes a function.
type Use struct {
	Module string // of the token: the SDK's package
	Call   string // NewVpc, GetPartition, LookupVpc …
	Where  string // file:line
}

// Uses finds the calls of the SDK's constructors and getters in the Go source under the folders, tests left out.
func Uses(folders ...string) ([]Use, error) {
	var found []Use
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			uses, err := usesIn(path)
			found = append(found, uses...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the program: %w", err)
		}
	}
	return found, nil
}

func usesIn(path string) ([]Use, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	modules := sdkImports(file)
	var found []Use
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		owner, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		module, ok := modules[owner.Name]
		if call := selector.Sel.Name; ok && isCall(call) {
			found = append(found, Use{
				Module: module, Call: strings.TrimSuffix(call, "Output"), Where: fset.Position(node.Pos()).String(),
			})
		}
		return true
	})
	return found, nil
}

// sdkImports gives the modules of the SDK that a file imports, by the name they have in it.
func sdkImports(file *ast.File) map[string]string {
	modules := map[string]string{}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		rest, ok := strings.CutPrefix(path, sdkImport)
		if !ok {
			continue
		}
		module := strings.TrimPrefix(rest, "/")
		name := module
		if module == "" {
			module, name = "index", "aws"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		modules[name] = module
	}
	return modules
}

// isCall says whether a name of the SDK is a function that reaches the provider. Types of arguments and results
// begin like them.
func isCall(name string) bool {
	for _, ending := range []string{"Args", "Array", "Input", "Map", "Result", "State"} {
		if strings.HasSuffix(name, ending) {
			return false
		}
	}
	for _, beginning := range []string{"New", "Get", "Lookup"} {
		if strings.HasPrefix(name, beginning) && len(name) > len(beginning) {
			return true
		}
	}
	return false
}

// Token is what a use asks the provider for, and whether that is a resource or a function.
func (s *SDK) Token(u Use) (token string, isResource bool, err error) {
	p, err := s.load(u.Module)
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", u.Where, err)
	}
	found, ok := p.byName[u.Call]
	if !ok {
		return "", false, fmt.Errorf("%s: %s.%s neither registers a resource nor invokes a function", u.Where, u.Module, u.Call)
	}
	_, isResource = p.resources[found.token]
	return found.token, isResource, nil
}
