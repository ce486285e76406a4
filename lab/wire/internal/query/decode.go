package query

import (
	"reflect"
	"strings"

	"haven/lab/wire/internal/bind"
)

// decoder reads a form's tree into the SDK's types.
type decoder struct{ ec2 bool }

func (d decoder) structure(node *bind.Node, v reflect.Value, tree *form, path string) error {
	read := 0
	for _, field := range node.Fields {
		name := d.name(field)
		child := tree.children[name]
		if child == nil {
			continue
		}
		read++
		if err := d.value(field, v.Field(field.Index), child, bind.Join(path, name)); err != nil {
			return err
		}
	}
	if read == len(tree.children) {
		return nil
	}
	return d.unknown(node, tree, path)
}

// name returns what a member is called in a form.
func (d decoder) name(f *bind.Field) string {
	name := f.Ref.LocationName
	if d.ec2 {
		if f.Ref.QueryName != "" {
			return f.Ref.QueryName
		}
		if name != "" {
			return strings.ToUpper(name[:1]) + name[1:]
		}
	}
	if !d.ec2 && f.Kind == bind.List && isFlat(f) && f.Elem.Ref.LocationName != "" {
		return f.Elem.Ref.LocationName
	}
	if name == "" {
		name = f.Member
	}
	return name
}

func isFlat(f *bind.Field) bool { return f.Ref.Flattened || f.Shape.Flattened }

func (d decoder) unknown(node *bind.Node, tree *form, path string) error {
	known := map[string]bool{}
	for _, field := range node.Fields {
		known[d.name(field)] = true
	}
	for name := range tree.children {
		if !known[name] {
			return bind.UnknownMember(bind.Join(path, name))
		}
	}
	return nil
}

func (d decoder) value(f *bind.Field, v reflect.Value, tree *form, path string) error {
	switch f.Kind {
	case bind.Structure:
		return d.structure(f.Node, bind.Settle(v), tree, path)
	case bind.List:
		return d.list(f, v, tree, path)
	case bind.Map:
		return d.entries(f, v, tree, path)
	}
	if len(tree.children) > 0 {
		return bind.WrongKind(path, f)
	}
	if !f.SetText(bind.Settle(v), tree.value, bind.ISO8601) {
		return bind.WrongKind(path, f)
	}
	return nil
}

// list reads a list; a name with an empty value and nothing under it is an empty list.
func (d decoder) list(f *bind.Field, v reflect.Value, tree *form, path string) error {
	if !d.ec2 && !isFlat(f) && len(tree.children) > 0 {
		name := f.Elem.Ref.LocationName
		if name == "" {
			name = "member"
		}
		inner := tree.children[name]
		if inner == nil || len(tree.children) > 1 {
			return unexpected(tree, name, path)
		}
		tree, path = inner, bind.Join(path, name)
	}
	if tree.value != "" {
		return bind.WrongKind(path, f)
	}
	elements, err := tree.elements(path)
	if err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, element := range elements {
		if err := d.value(f.Elem, v.Index(i), element, bind.At(path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (d decoder) entries(f *bind.Field, v reflect.Value, tree *form, path string) error {
	if !isFlat(f) && len(tree.children) > 0 {
		inner := tree.children["entry"]
		if inner == nil || len(tree.children) > 1 {
			return unexpected(tree, "entry", path)
		}
		tree, path = inner, path+".entry"
	}
	elements, err := tree.elements(path)
	if err != nil {
		return err
	}
	keyName, valueName := or(f.Key.Ref.LocationName, "key"), or(f.Elem.Ref.LocationName, "value")
	v.Set(reflect.MakeMapWithSize(v.Type(), len(elements)))
	for i, element := range elements {
		key, value := element.children[keyName], element.children[valueName]
		if key == nil || value == nil || len(element.children) > 2 {
			return bind.WrongKind(bind.At(path, i), f)
		}
		settled := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(f.Elem, settled, value, bind.At(path, i)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.value).Convert(v.Type().Key()), settled)
	}
	return nil
}

// unexpected is the error for a child with a name other than the expected one.
func unexpected(tree *form, expected, path string) error {
	for name := range tree.children {
		if name != expected {
			return bind.UnknownMember(bind.Join(path, name))
		}
	}
	return nil
}

func or(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
