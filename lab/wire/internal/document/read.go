package document

import (
	"encoding/json"
	"math"
	"reflect"
	"time"

	"haven/lab/wire/internal/bind"
)

// Reader reads trees.
type Reader struct {
	// Name returns the name that a member has in the tree.
	Name func(f *bind.Field) string
}

// Structure reads an object into a struct. Names in skip are left alone: they came elsewhere in the request.
func (r Reader) Structure(node *bind.Node, v reflect.Value, tree map[string]any, path string) error {
	read := 0
	for _, field := range node.Fields {
		if field.Ref.Location != "" {
			continue
		}
		value, ok := tree[r.Name(field)]
		if !ok {
			continue
		}
		read++
		if value == nil {
			continue
		}
		if err := r.value(field, bind.Settle(v.Field(field.Index)), value, bind.Join(path, field.Member)); err != nil {
			return err
		}
	}
	if read == len(tree) {
		return nil
	}
	return r.unknown(node, tree, path)
}

// unknown finds the member that the model does not have.
func (r Reader) unknown(node *bind.Node, tree map[string]any, path string) error {
	known := map[string]bool{"__type": true}
	for _, field := range node.Fields {
		known[r.Name(field)] = true
	}
	for name := range tree {
		if !known[name] {
			return bind.UnknownMember(bind.Join(path, name))
		}
	}
	return nil
}

func (r Reader) value(f *bind.Field, v reflect.Value, tree any, path string) error {
	switch f.Kind {
	case bind.Structure:
		object, ok := tree.(map[string]any)
		if !ok {
			return bind.WrongKind(path, f)
		}
		return r.Structure(f.Node, v, object, path)
	case bind.List:
		return r.list(f, v, tree, path)
	case bind.Map:
		return r.entries(f, v, tree, path)
	}
	if !scalar(f, v, tree) {
		return bind.WrongKind(path, f)
	}
	return nil
}

func (r Reader) list(f *bind.Field, v reflect.Value, tree any, path string) error {
	elements, ok := tree.([]any)
	if !ok {
		return bind.WrongKind(path, f)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, element := range elements {
		if element == nil {
			return bind.WrongKind(bind.At(path, i), f.Elem)
		}
		if err := r.value(f.Elem, bind.Settle(v.Index(i)), element, bind.At(path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (r Reader) entries(f *bind.Field, v reflect.Value, tree any, path string) error {
	object, ok := tree.(map[string]any)
	if !ok {
		return bind.WrongKind(path, f)
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(object)))
	for name, element := range object {
		if element == nil {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if err := r.value(f.Elem, bind.Settle(value), element, bind.Join(path, name)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
	}
	return nil
}

// scalar sets a value from what JSON has (strings, json.Number, booleans) or CBOR has (also integers, floats, byte
// strings and times).
func scalar(f *bind.Field, v reflect.Value, tree any) bool {
	switch value := tree.(type) {
	case string:
		if f.Kind == bind.Integer || f.Kind == bind.Boolean {
			return false
		}
		return f.SetText(v, value, bind.Unix)
	case json.Number:
		return number(f, v, value)
	case bool:
		if f.Kind == bind.Boolean {
			v.SetBool(value)
		}
		return f.Kind == bind.Boolean
	case int64:
		return integer(f, v, value)
	case uint64:
		return value <= math.MaxInt64 && integer(f, v, int64(value))
	case float64:
		return float(f, v, value)
	case []byte:
		if f.Kind == bind.Blob {
			v.SetBytes(value)
		}
		return f.Kind == bind.Blob
	case time.Time:
		if f.Kind == bind.Timestamp {
			v.Set(reflect.ValueOf(value.UTC()))
		}
		return f.Kind == bind.Timestamp
	}
	return false
}

func number(f *bind.Field, v reflect.Value, value json.Number) bool {
	switch f.Kind {
	case bind.Integer:
		if f.SetText(v, value.String(), "") {
			return true
		}
		parsed, err := value.Float64() // 1e3 and 5.0 are integers too
		return err == nil && float(f, v, parsed)
	case bind.Float, bind.Timestamp:
		return f.SetText(v, value.String(), bind.Unix)
	}
	return false
}

func integer(f *bind.Field, v reflect.Value, value int64) bool {
	switch f.Kind {
	case bind.Integer:
		v.SetInt(value)
		return !v.OverflowInt(value)
	case bind.Float, bind.Timestamp:
		return float(f, v, float64(value))
	}
	return false
}

func float(f *bind.Field, v reflect.Value, value float64) bool {
	switch f.Kind {
	case bind.Integer:
		whole := int64(value)
		return float64(whole) == value && math.Abs(value) < 1<<62 && integer(f, v, whole)
	case bind.Float:
		v.SetFloat(value)
		return true
	case bind.Timestamp:
		parsed, ok := bind.UnixTime(value)
		v.Set(reflect.ValueOf(parsed))
		return ok
	}
	return false
}
