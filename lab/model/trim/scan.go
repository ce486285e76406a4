package trim

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Handlers are the operations that a package serves, each with the input members that its code reads.
type Handlers map[string][]string

// Scan finds the handlers in the Go files of a folder: methods
//
//	func (s *T) CreateVpc(ctx context.Context, in *ec2.CreateVpcInput) (*ec2.CreateVpcOutput, error)
//
// and the members of in that they select, also in functions of the same package that in is passed to. It fails when
// in is given another name, because then nobody knows what is read.
func Scan(dir string) (Handlers, error) {
	pkg, err := parse(dir)
	if err != nil {
		return nil, err
	}
	found := Handlers{}
	for _, fn := range pkg.functions() {
		input, ok := handlerInput(fn)
		if !ok {
			continue
		}
		reads := reader{pkg: pkg, members: map[string]bool{}, seen: map[visit]bool{}}
		if input != "" && input != "_" {
			reads.function(fn, 1)
		}
		if reads.err != nil {
			return nil, reads.err
		}
		found[fn.Name.Name] = slices.Sorted(maps.Keys(reads.members))
	}
	return found, nil
}

// source is a parsed package: its functions and methods by name. Methods of different types may share a name; all
// of them count, because only the names are known here.
type source struct {
	files *token.FileSet
	named map[string][]*ast.FuncDecl
}

func parse(dir string) (*source, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("scanning %s: %w", dir, err)
	}
	pkg := &source{files: token.NewFileSet(), named: map[string][]*ast.FuncDecl{}}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(pkg.files, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("scanning %s: %w", dir, err)
		}
		for _, declaration := range file.Decls {
			if fn, ok := declaration.(*ast.FuncDecl); ok && fn.Body != nil {
				pkg.named[fn.Name.Name] = append(pkg.named[fn.Name.Name], fn)
			}
		}
	}
	return pkg, nil
}

func (p *source) functions() []*ast.FuncDecl {
	var all []*ast.FuncDecl
	for _, name := range slices.Sorted(maps.Keys(p.named)) {
		all = append(all, p.named[name]...)
	}
	return all
}

// handlerInput tells whether a function is a handler, and what it calls its input.
func handlerInput(fn *ast.FuncDecl) (name string, ok bool) {
	if fn.Recv == nil || !fn.Name.IsExported() || fn.Type.Results == nil {
		return "", false
	}
	params, results := flat(fn.Type.Params), flat(fn.Type.Results)
	if len(params) != 2 || len(results) != 2 {
		return "", false
	}
	if !pointsTo(params[1].kind, fn.Name.Name+"Input") || !pointsTo(results[0].kind, fn.Name.Name+"Output") {
		return "", false
	}
	return params[1].name, true
}

func pointsTo(expression ast.Expr, name string) bool {
	pointer, ok := expression.(*ast.StarExpr)
	if !ok {
		return false
	}
	selector, ok := pointer.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == name
}

type param struct {
	name string
	kind ast.Expr
}

// flat lists parameters one by one: "a, b int" are two.
func flat(fields *ast.FieldList) []param {
	var all []param
	for _, field := range fields.List {
		if len(field.Names) == 0 {
			all = append(all, param{kind: field.Type})
		}
		for _, name := range field.Names {
			all = append(all, param{name.Name, field.Type})
		}
	}
	return all
}
