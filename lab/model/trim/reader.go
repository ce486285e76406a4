package trim

import (
	"fmt"
	"go/ast"
)

// reader collects the members of an input that code selects.
type reader struct {
	pkg     *source
	members map[string]bool
	seen    map[visit]bool
	err     error
}

// visit is a function, looked at for one of its parameters.
type visit struct {
	fn    *ast.FuncDecl
	param int
}

func (r *reader) function(fn *ast.FuncDecl, index int) {
	params := flat(fn.Type.Params)
	if index >= len(params) {
		index = len(params) - 1 // a variadic one
	}
	key := visit{fn, index}
	if r.seen[key] || index < 0 {
		return
	}
	r.seen[key] = true
	if _, variadic := params[index].kind.(*ast.Ellipsis); variadic {
		r.fail(fn, "it is passed as a variadic argument")
		return
	}
	r.walk(fn.Body, params[index].name)
}

// walk looks at a piece of code in which the input is known by a name.
func (r *reader) walk(node ast.Node, input string) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return !declares(n, input)
		case *ast.SelectorExpr:
			if named(n.X, input) {
				r.members[n.Sel.Name] = true
				return false
			}
		case *ast.CallExpr:
			return r.call(n, input)
		case *ast.BinaryExpr: // a comparison, as with nil
			return !named(n.X, input) && !named(n.Y, input)
		case *ast.KeyValueExpr: // a field of that name in a literal is not the input
			r.walk(n.Value, input)
			return false
		case *ast.Ident:
			if n.Name == input {
				r.fail(n, "it is used whole")
			}
		}
		return true
	})
}

// call follows the input into the functions of the package that it is passed to. Functions of other packages, such as
// one that hashes it, count as reading nothing: at worst a parameter is refused that need not be.
func (r *reader) call(call *ast.CallExpr, input string) bool {
	passed := false
	for i, argument := range call.Args {
		if !named(argument, input) {
			continue
		}
		passed = true
		for _, target := range r.pkg.named[called(call.Fun)] {
			r.function(target, i)
		}
	}
	if !passed {
		return true
	}
	r.walk(call.Fun, input)
	for _, argument := range call.Args {
		if !named(argument, input) {
			r.walk(argument, input)
		}
	}
	return false
}

func (r *reader) fail(at ast.Node, why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: cannot tell which members of the input are read: %s; select its members instead",
			r.pkg.files.Position(at.Pos()), why)
	}
}

// called returns the name of what a call calls: f, x.f, f[T].
func called(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	case *ast.IndexExpr:
		return called(fun.X)
	case *ast.IndexListExpr:
		return called(fun.X)
	case *ast.ParenExpr:
		return called(fun.X)
	}
	return ""
}

func named(expression ast.Expr, name string) bool {
	identifier, ok := expression.(*ast.Ident)
	return ok && identifier.Name == name
}

func declares(fn *ast.FuncLit, name string) bool {
	for _, p := range flat(fn.Type.Params) {
		if p.name == name {
			return true
		}
	}
	return false
}
