package document

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"haven/lab/wire/internal/bind"
)

// JSONName returns the name that a member has in JSON.
func JSONName(f *bind.Field) string {
	if f.Ref.LocationName != "" {
		return f.Ref.LocationName
	}
	return f.Member
}

// AppendJSON appends an output as a JSON object, without the members that go elsewhere in the response. With
// emptyLists, members that are lists appear even when there is nothing in them.
func AppendJSON(out []byte, node *bind.Node, v reflect.Value, emptyLists bool) []byte {
	out = append(out, '{')
	begun := len(out)
	for _, field := range node.Fields {
		value, ok := bind.Present(v.Field(field.Index))
		empty := !ok && emptyLists && field.Kind == bind.List
		if field.Ref.Location != "" || !ok && !empty {
			continue
		}
		if len(out) > begun {
			out = append(out, ',')
		}
		out = AppendString(out, JSONName(field))
		out = append(out, ':')
		if empty {
			out = append(out, "[]"...)
			continue
		}
		out = AppendValue(out, field, value)
	}
	return append(out, '}')
}

// AppendValue appends a present value as JSON.
func AppendValue(out []byte, f *bind.Field, v reflect.Value) []byte {
	switch f.Kind {
	case bind.Structure:
		return AppendJSON(out, f.Node, v, false)
	case bind.List:
		return appendList(out, f, v)
	case bind.Map:
		return appendMap(out, f, v)
	case bind.Blob:
		out = append(out, '"')
		out = base64.StdEncoding.AppendEncode(out, v.Bytes())
		return append(out, '"')
	case bind.Integer:
		return strconv.AppendInt(out, v.Int(), 10)
	case bind.Boolean:
		return strconv.AppendBool(out, v.Bool())
	case bind.Float:
		if number := v.Float(); !math.IsNaN(number) && !math.IsInf(number, 0) {
			return append(out, bind.FormatFloat(number, f.Type.Bits())...)
		}
	case bind.Timestamp:
		if f.TimeFormat(bind.Unix) == bind.Unix {
			return append(out, bind.FormatTime(bind.Time(v), bind.Unix)...)
		}
	}
	return AppendString(out, f.Text(v, bind.Unix))
}

func appendList(out []byte, f *bind.Field, v reflect.Value) []byte {
	out = append(out, '[')
	for i := range v.Len() {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendElement(out, f.Elem, v.Index(i))
	}
	return append(out, ']')
}

func appendMap(out []byte, f *bind.Field, v reflect.Value) []byte {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = AppendString(out, key.String())
		out = append(out, ':')
		out = appendElement(out, f.Elem, v.MapIndex(key))
	}
	return append(out, '}')
}

// appendElement appends an element of a collection, where an empty string stays one.
func appendElement(out []byte, f *bind.Field, v reflect.Value) []byte {
	value, ok := bind.Present(v)
	if !ok && value.Kind() != reflect.String {
		return append(out, "null"...)
	}
	return AppendValue(out, f, value)
}

// AppendString appends a JSON string.
func AppendString(out []byte, text string) []byte {
	if isPlain(text) {
		out = append(out, '"')
		out = append(out, text...)
		return append(out, '"')
	}
	quoted, _ := json.Marshal(text) // strings always can be
	return append(out, quoted...)
}

func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
