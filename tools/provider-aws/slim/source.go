package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pkg is one parsed package of the provider.
type pkg struct {
	dir   string // slash-separated, relative to the provider's folder
	name  string
	files map[string]*source
	// declares gives, for each package-level name, the files that a use of it needs: where it is declared
	// and, for a type, where its methods are.
	declares map[string][]string
}

// source is one parsed file. Its tree carries positions relative to text.
type source struct {
	file *ast.File
	text []byte
	fset *token.FileSet
}

// text of a node, as written.
func (s *source) slice(from, to token.Pos) []byte {
	f := s.fset.File(s.file.Pos())
	return s.text[f.Offset(from):f.Offset(to)]
}

// parsePackage reads the Go files of one folder that a build for Linux takes, without tests.
func parsePackage(root, dir string) (*pkg, error) {
	folder := filepath.Join(root, filepath.FromSlash(dir))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading package %s: %w", dir, err)
	}
	p := &pkg{dir: dir, files: map[string]*source{}, declares: map[string][]string{}}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := linux.MatchFile(folder, name); err != nil || !ok {
			continue
		}
		if err := p.parse(filepath.Join(folder, name)); err != nil {
			return nil, err
		}
	}
	if len(p.files) == 0 {
		return nil, fmt.Errorf("package %s has no Go files", dir)
	}
	return p, nil
}

// linux is the only platform that the lab's provider is built for.
var linux = func() build.Context {
	c := build.Default
	c.GOOS, c.CgoEnabled = "linux", false
	return c
}()

func (p *pkg) parse(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return p.add(filepath.Base(file), text)
}

func (p *pkg) add(name string, text []byte) error {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing %s: %w", path.Join(p.dir, name), err)
	}
	p.name = tree.Name.Name
	p.files[name] = &source{file: tree, text: text, fset: fset}
	for _, declared := range declaredNames(tree) {
		p.declares[declared] = append(p.declares[declared], name)
	}
	return nil
}

// declaredNames lists the package-level names of a file; a method counts for its receiver's type.
func declaredNames(file *ast.File) []string {
	var found []string
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				found = append(found, receiver(d))
			} else {
				found = append(found, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					found = append(found, s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						found = append(found, name.Name)
					}
				}
			}
		}
	}
	return found
}

// receiver is the name of the type that a method belongs to.
func receiver(method *ast.FuncDecl) string {
	t := method.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// embeds lists the patterns of a file's go:embed directives.
func embeds(file *ast.File) []string {
	var found []string
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if rest, ok := strings.CutPrefix(comment.Text, "//go:embed "); ok {
				found = append(found, strings.Fields(rest)...)
			}
		}
	}
	return found
}
