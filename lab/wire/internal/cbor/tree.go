package cbor

import (
	"reflect"

	"github.com/fxamacker/cbor/v2"

	"haven/lab/wire/internal/bind"
)

// timeTag marks seconds since 1970 (RFC 8949, section 3.4.2).
const timeTag = 1

// output returns an output as a tree. With emptyLists, members that are lists appear even when there is nothing in them.
func output(node *bind.Node, v reflect.Value, emptyLists bool) map[string]any {
	tree := structure(node, v)
	for _, field := range node.Fields {
		if emptyLists && field.Kind == bind.List && tree[field.Member] == nil {
			tree[field.Member] = []any{}
		}
	}
	return tree
}

func structure(node *bind.Node, v reflect.Value) map[string]any {
	tree := map[string]any{}
	for _, field := range node.Fields {
		if value, ok := bind.Present(v.Field(field.Index)); ok {
			tree[field.Member] = anyOf(field, value)
		}
	}
	return tree
}

func anyOf(f *bind.Field, v reflect.Value) any {
	switch f.Kind {
	case bind.Structure:
		return structure(f.Node, v)
	case bind.List:
		elements := make([]any, v.Len())
		for i := range elements {
			elements[i] = element(f.Elem, v.Index(i))
		}
		return elements
	case bind.Map:
		entries := map[string]any{}
		for all := v.MapRange(); all.Next(); {
			entries[all.Key().String()] = element(f.Elem, all.Value())
		}
		return entries
	case bind.Timestamp:
		return cbor.Tag{Number: timeTag, Content: float64(bind.Time(v).UnixMilli()) / 1000}
	case bind.Blob:
		return v.Bytes()
	case bind.String:
		return v.String()
	case bind.Integer:
		return v.Int()
	case bind.Boolean:
		return v.Bool()
	}
	return v.Float()
}

// element returns an element of a collection, where an empty string stays one.
func element(f *bind.Field, v reflect.Value) any {
	value, ok := bind.Present(v)
	if !ok && value.Kind() != reflect.String {
		return nil
	}
	return anyOf(f, value)
}
