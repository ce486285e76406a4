package main

import (
	"go/ast"
	"go/token"
)

// omitResources takes those entries out of a service's lists of resources and data sources whose factory function
// is to be omitted.
func omitResources(list *source, omit func(factory string) bool) []byte {
	type span struct{ from, to token.Pos }
	var cuts []span
	ast.Inspect(list.file, func(node ast.Node) bool {
		entries, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		if _, isSlice := entries.Type.(*ast.ArrayType); !isSlice {
			return true
		}
		for i, entry := range entries.Elts {
			if factory := factoryOf(entry); factory != "" && omit(factory) {
				end := entries.Rbrace
				if i+1 < len(entries.Elts) {
					end = entries.Elts[i+1].Pos()
				}
				cuts = append(cuts, span{entry.Pos(), end})
			}
		}
		return false
	})
	var out []byte
	at := list.file.FileStart
	for _, c := range cuts {
		out = append(out, list.slice(at, c.from)...)
		at = c.to
	}
	return append(out, list.slice(at, list.file.FileEnd)...)
}

// factoryOf is the function in the field Factory of a resource's entry, or "".
func factoryOf(entry ast.Expr) string {
	literal, ok := entry.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	for _, element := range literal.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if key, ok := field.Key.(*ast.Ident); !ok || key.Name != "Factory" {
			continue
		}
		if factory, ok := field.Value.(*ast.Ident); ok {
			return factory.Name
		}
	}
	return ""
}
