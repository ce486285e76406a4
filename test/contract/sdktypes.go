package contract

import (
	"go/ast"
	"go/token"
	"reflect"
	"strconv"
)

// shapes gives the properties of a struct by their Pulumi names.
func (p *sdkPackage) shapes(s *ast.StructType) map[string]shape {
	out := map[string]shape{}
	for _, field := range s.Fields.List {
		if name := pulumiName(field); name != "" {
			out[name] = p.shape(field.Type)
		}
	}
	return out
}

// shape resolves a Go type of the SDK's plain structs.
func (p *sdkPackage) shape(t ast.Expr) shape {
	switch x := t.(type) {
	case *ast.StarExpr:
		return p.shape(x.X)
	case *ast.ArrayType:
		return shape{kind: list, element: func() shape { return p.shape(x.Elt) }}
	case *ast.MapType:
		return shape{kind: dictionary, element: func() shape { return p.shape(x.Value) }}
	case *ast.InterfaceType:
		return shape{kind: anything}
	case *ast.SelectorExpr:
		if x.Sel.Name == "AssetOrArchive" || x.Sel.Name == "Asset" {
			return shape{kind: asset}
		}
		return shape{kind: anything} // a resource or an enumeration of another package, instead of its name
	case *ast.Ident:
		return p.identified(x.Name)
	default:
		return shape{kind: anything}
	}
}

func (p *sdkPackage) identified(name string) shape {
	switch name {
	case "string":
		return shape{kind: "string"}
	case "bool":
		return shape{kind: "boolean"}
	case "int", "float64":
		return shape{kind: number}
	case "any":
		return shape{kind: anything}
	}
	switch declared := p.types[name].(type) {
	case *ast.StructType:
		return shape{kind: structure, name: name, fields: func() map[string]shape { return p.shapes(declared) }}
	case nil:
		return shape{kind: kind("unknown Go type " + name)}
	default:
		return p.shape(declared)
	}
}

// pulumiNames translates names of a struct's Go fields.
func pulumiNames(s *ast.StructType, fields []string) []string {
	byField := map[string]string{}
	for _, field := range s.Fields.List {
		for _, name := range field.Names {
			byField[name.Name] = pulumiName(field)
		}
	}
	var names []string
	for _, field := range fields {
		names = append(names, byField[field])
	}
	return names
}

// pulumiName is the name in a field's tag, or "".
func pulumiName(field *ast.Field) string {
	if field.Tag == nil {
		return ""
	}
	return reflect.StructTag(stringLiteral(field.Tag)).Get("pulumi")
}

func stringLiteral(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(literal.Value)
	return text
}
