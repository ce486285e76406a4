package xmltext

import (
	"reflect"
	"strings"

	"haven/lab/wire/internal/bind"
)

// Structure reads an element's children into a struct.
func (e *Element) Structure(node *bind.Node, v reflect.Value, path string) error {
	fields := byName(node)
	for _, child := range e.Children {
		field := fields[child.Name]
		if field == nil {
			return bind.UnknownMember(bind.Join(path, child.Name))
		}
		at := bind.Join(path, child.Name)
		if err := child.member(field, v.Field(field.Index), at); err != nil {
			return err
		}
	}
	for _, field := range node.Fields {
		if err := e.attribute(field, v, path); err != nil {
			return err
		}
	}
	return nil
}

func (e *Element) attribute(f *bind.Field, v reflect.Value, path string) error {
	if !f.Ref.XMLAttribute {
		return nil
	}
	name := elementName(f, f.Member)
	text, ok := e.Attr(name[strings.IndexByte(name, ':')+1:])
	if ok && !f.SetText(bind.Settle(v.Field(f.Index)), text, bind.ISO8601) {
		return bind.WrongKind(bind.Join(path, f.Member), f)
	}
	return nil
}

// byName returns the members that are elements, by the elements' names.
func byName(node *bind.Node) map[string]*bind.Field {
	fields := make(map[string]*bind.Field, len(node.Fields))
	for _, field := range node.Fields {
		if field.Ref.Location != "" || field.Ref.XMLAttribute {
			continue
		}
		name := elementName(field, field.Member)
		if field.Kind == bind.List && isFlat(field) {
			name = flatName(field, name)
		}
		fields[name] = field
	}
	return fields
}

// member reads an element; of a flattened collection it is one element, which is added.
func (e *Element) member(f *bind.Field, v reflect.Value, path string) error {
	switch {
	case f.Kind == bind.List && isFlat(f):
		return e.appendTo(f, v, path)
	case f.Kind == bind.Map && isFlat(f):
		return e.entry(f, v, path)
	}
	return e.value(f, v, path)
}

func (e *Element) value(f *bind.Field, v reflect.Value, path string) error {
	switch f.Kind {
	case bind.Structure:
		return e.Structure(f.Node, bind.Settle(v), path)
	case bind.List:
		return e.list(f, v, path)
	case bind.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for _, child := range e.Children {
			if child.Name != "entry" {
				return bind.UnknownMember(bind.Join(path, child.Name))
			}
			if err := child.entry(f, v, path); err != nil {
				return err
			}
		}
		return nil
	}
	text := e.Text
	if f.Kind != bind.String {
		text = strings.TrimSpace(text)
	}
	if len(e.Children) > 0 || !f.SetText(bind.Settle(v), text, bind.ISO8601) {
		return bind.WrongKind(path, f)
	}
	return nil
}

func (e *Element) list(f *bind.Field, v reflect.Value, path string) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, len(e.Children)))
	name := elementName(f.Elem, "member")
	for _, child := range e.Children {
		if child.Name != name {
			return bind.UnknownMember(bind.Join(path, child.Name))
		}
		if err := child.appendTo(f, v, path); err != nil {
			return err
		}
	}
	return nil
}

func (e *Element) appendTo(f *bind.Field, list reflect.Value, path string) error {
	element := reflect.New(list.Type().Elem()).Elem()
	if err := e.value(f.Elem, element, bind.At(path, list.Len())); err != nil {
		return err
	}
	list.Set(reflect.Append(list, element))
	return nil
}

func (e *Element) entry(f *bind.Field, into reflect.Value, path string) error {
	if into.IsNil() {
		into.Set(reflect.MakeMap(into.Type()))
	}
	keyName, valueName := elementName(f.Key, "key"), elementName(f.Elem, "value")
	var key, value *Element
	for _, child := range e.Children {
		switch child.Name {
		case keyName:
			key = child
		case valueName:
			value = child
		default:
			return bind.UnknownMember(bind.Join(path, child.Name))
		}
	}
	if key == nil || value == nil {
		return bind.WrongKind(path, f)
	}
	settled := reflect.New(into.Type().Elem()).Elem()
	if err := value.value(f.Elem, settled, bind.Join(path, key.Text)); err != nil {
		return err
	}
	into.SetMapIndex(reflect.ValueOf(key.Text).Convert(into.Type().Key()), settled)
	return nil
}
