package contract

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
)

// sdkModule is the official Go SDK.
const sdkModule = "github.com/pulumi/pulumi-aws/sdk/v6"

// sdkImport is the import path under which its packages are.
const sdkImport = sdkModule + "/go/aws"

// SDK reads the source of the official Go SDK, one package at a time.
type SDK struct {
	root     string
	packages map[string]*sdkPackage
}

// OpenSDK finds the SDK's source at the version that the module in folder requires.
func OpenSDK(ctx context.Context, folder string) (*SDK, error) {
	c := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", sdkModule)
	c.Dir = folder
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("finding the source of %s: %w", sdkModule, err)
	}
	root := filepath.Join(strings.TrimSpace(string(out)), "go", "aws")
	return &SDK{root: root, packages: map[string]*sdkPackage{}}, nil
}

// sdkPackage is one package of the SDK.
type sdkPackage struct {
	types     map[string]ast.Expr // by name
	resources map[string]*sdkType // by token
	functions map[string]*sdkType
	byName    map[string]*sdkType // by the constructor or getter that a program calls
}

// sdkType is one resource or function of the SDK.
type sdkType struct {
	token    string
	owner    *sdkPackage
	inputs   *ast.StructType
	outputs  *ast.StructType
	required []string // names of Go fields
	secrets  []string
}

// load parses the package of a module of tokens: "index" is the SDK's root package.
func (s *SDK) load(module string) (*sdkPackage, error) {
	if p, ok := s.packages[module]; ok {
		return p, nil
	}
	folder := s.root
	if module != "index" {
		folder = filepath.Join(s.root, module)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the SDK has no package for %q", module)
	}
	p := &sdkPackage{
		types: map[string]ast.Expr{}, resources: map[string]*sdkType{},
		functions: map[string]*sdkType{}, byName: map[string]*sdkType{},
	}
	fset := token.NewFileSet()
	for _, file := range files {
		tree, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing the SDK: %w", err)
		}
		p.addTypes(tree)
		p.addRegistrations(tree)
	}
	s.packages[module] = p
	return p, nil
}

func (p *sdkPackage) addTypes(file *ast.File) {
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.TYPE {
			for _, spec := range d.Specs {
				t := spec.(*ast.TypeSpec)
				p.types[t.Name.Name] = t.Type
			}
		}
	}
}

// addRegistrations finds what the file's functions register or invoke. The SDK has a file for each.
func (p *sdkPackage) addRegistrations(file *ast.File) {
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if !ok || function.Recv != nil || function.Body == nil {
			continue
		}
		call, name := registration(function.Body)
		if call == "" {
			continue
		}
		found := &sdkType{token: name, owner: p}
		switch call {
		case "RegisterResource":
			found.inputs, found.outputs = structs(file, isPlain, "Args", "State")
			found.required, found.secrets = requirements(function.Body)
			p.resources[name] = found
		case "Invoke":
			found.inputs, found.outputs = structs(file, isGetter, "Args", "Result")
			p.functions[name] = found
		}
		p.byName[function.Name.Name] = found
	}
}

// registration finds the call of the context's method that carries a token.
func registration(body ast.Node) (method, token string) {
	ast.Inspect(body, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || token != "" {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if called := selector.Sel.Name; called == "RegisterResource" || called == "Invoke" {
			method, token = called, stringLiteral(call.Args[0])
		}
		return true
	})
	return method, token
}

// structs finds the two structs of a file with the given endings.
func structs(file *ast.File, want func(string) bool, inputs, outputs string) (in, out *ast.StructType) {
	in, out = &ast.StructType{Fields: &ast.FieldList{}}, &ast.StructType{Fields: &ast.FieldList{}}
	for _, decl := range file.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.TYPE {
			continue
		}
		for _, spec := range d.Specs {
			t := spec.(*ast.TypeSpec)
			s, ok := t.Type.(*ast.StructType)
			if !ok || !want(t.Name.Name) {
				continue
			}
			switch {
			case strings.HasSuffix(t.Name.Name, inputs):
				in = s
			case strings.HasSuffix(t.Name.Name, outputs):
				out = s
			}
		}
	}
	return in, out
}

// isPlain says whether a struct holds plain values: the SDK has those beside the structs of inputs, unexported.
func isPlain(name string) bool { return strings.ToLower(name[:1]) == name[:1] }

// isGetter says whether a struct belongs to a getter that returns at once.
func isGetter(name string) bool { return !strings.HasSuffix(name, "OutputArgs") }

// requirements reads a constructor: which arguments it refuses to go without, which outputs it marks as secret.
func requirements(body ast.Node) (required, secret []string) {
	const refusal = "invalid value for required argument '"
	ast.Inspect(body, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if text := stringLiteral(call.Args[0]); strings.HasPrefix(text, refusal) {
			required = append(required, strings.TrimSuffix(strings.TrimPrefix(text, refusal), "'"))
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || selector.Sel.Name != "AdditionalSecretOutputs" {
			return true
		}
		if names, ok := call.Args[0].(*ast.CompositeLit); ok {
			for _, name := range names.Elts {
				secret = append(secret, stringLiteral(name))
			}
		}
		return true
	})
	return required, secret
}
