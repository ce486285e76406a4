package xmltext

import (
	"bytes"
	"encoding/xml"
	"maps"
	"reflect"
	"slices"
	"strings"

	"haven/lab/model"
	"haven/lab/wire/internal/bind"
)

// Writer writes XML by a model.
type Writer struct {
	bytes.Buffer
	// EmptyLists makes members of the outermost structure that are lists appear even when there is nothing in them,
	// as EC2 and the query services have it.
	EmptyLists bool
}

// Open writes a start tag, with a namespace when there is one.
func (w *Writer) Open(name string, space *model.Namespace) {
	w.WriteByte('<')
	w.WriteString(name)
	if space != nil && space.URI != "" {
		w.WriteString(" xmlns")
		if space.Prefix != "" {
			w.WriteString(":" + space.Prefix)
		}
		w.WriteString(`="`)
		w.Text(space.URI)
		w.WriteByte('"')
	}
	w.WriteByte('>')
}

// Close writes an end tag.
func (w *Writer) Close(name string) {
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

// Element writes an element with text in it.
func (w *Writer) Element(name, text string) {
	w.Open(name, nil)
	w.Text(text)
	w.Close(name)
}

// Text writes escaped text. What XML cannot say becomes U+FFFD.
func (w *Writer) Text(text string) {
	if isPlain(text) {
		w.WriteString(text)
		return
	}
	xml.EscapeText(&w.Buffer, []byte(text)) // a buffer takes all
}

func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || strings.IndexByte(`<>&'"`, c) >= 0 {
			return false
		}
	}
	return true
}

// Members writes a structure's members, without those that go elsewhere in the response.
func (w *Writer) Members(node *bind.Node, v reflect.Value) {
	empty := w.EmptyLists
	w.EmptyLists = false
	for _, field := range node.Fields {
		if field.Ref.Location != "" || field.Ref.XMLAttribute {
			continue
		}
		value, ok := bind.Present(v.Field(field.Index))
		switch {
		case ok:
			w.Member(field, value)
		case empty && field.Kind == bind.List && !isFlat(field):
			w.WriteString("<" + elementName(field, field.Member) + "/>")
		}
	}
}

// Member writes one present member.
func (w *Writer) Member(f *bind.Field, v reflect.Value) {
	name := elementName(f, f.Member)
	switch {
	case f.Kind == bind.List && isFlat(f):
		w.elements(f, v, flatName(f, name))
	case f.Kind == bind.Map && isFlat(f):
		w.entries(f, v, name)
	default:
		w.Value(name, f, v)
	}
}

// Value writes a present value as one element.
func (w *Writer) Value(name string, f *bind.Field, v reflect.Value) {
	switch f.Kind {
	case bind.Structure:
		w.structure(name, f, v)
	case bind.List:
		w.Open(name, f.Ref.XMLNamespace)
		w.elements(f, v, elementName(f.Elem, "member"))
		w.Close(name)
	case bind.Map:
		w.Open(name, f.Ref.XMLNamespace)
		w.entries(f, v, "entry")
		w.Close(name)
	default:
		w.Open(name, f.Ref.XMLNamespace)
		w.Text(f.Text(v, bind.ISO8601))
		w.Close(name)
	}
}

func (w *Writer) structure(name string, f *bind.Field, v reflect.Value) {
	space := f.Ref.XMLNamespace
	if space == nil {
		space = f.Shape.XMLNamespace
	}
	w.Open(name, space)
	for _, field := range f.Fields {
		if value, ok := bind.Present(v.Field(field.Index)); ok && field.Ref.XMLAttribute {
			w.Truncate(w.Len() - 1)
			w.WriteString(" " + elementName(field, field.Member) + `="`)
			w.Text(field.Text(value, bind.ISO8601))
			w.WriteString(`">`)
		}
	}
	w.Members(f.Node, v)
	w.Close(name)
}

func (w *Writer) elements(f *bind.Field, v reflect.Value, name string) {
	for i := range v.Len() {
		value, ok := bind.Present(v.Index(i))
		if ok || value.Kind() == reflect.String {
			w.Value(name, f.Elem, value)
		}
	}
}

func (w *Writer) entries(f *bind.Field, v reflect.Value, name string) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		w.Open(name, nil)
		w.Element(elementName(f.Key, "key"), key.String())
		if value, ok := bind.Present(v.MapIndex(key)); ok || value.Kind() == reflect.String {
			w.Value(elementName(f.Elem, "value"), f.Elem, value)
		}
		w.Close(name)
	}
}

func isFlat(f *bind.Field) bool { return f.Ref.Flattened || f.Shape.Flattened }

func elementName(f *bind.Field, otherwise string) string {
	if f.Ref.LocationName != "" {
		return f.Ref.LocationName
	}
	return otherwise
}

// flatName returns the name of a flattened list's elements: their own where they have one.
func flatName(f *bind.Field, name string) string {
	if f.Elem.Ref.LocationName != "" {
		return f.Elem.Ref.LocationName
	}
	return name
}

// Details writes an error's further members, sorted.
func (w *Writer) Details(details map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(details)) {
		w.Element(name, details[name])
	}
}
