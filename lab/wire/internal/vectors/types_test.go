package vectors

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/bind"
)

// recursive is the type of the one shape in these tests that contains itself, which types made at run time cannot.
type recursive struct {
	NoRecurse       *string
	RecursiveStruct *recursive
	RecursiveList   []recursive
	RecursiveMap    map[string]recursive
}

var scalars = map[string]reflect.Type{
	"string": reflect.TypeFor[string](), "character": reflect.TypeFor[string](), "integer": reflect.TypeFor[int32](),
	"long": reflect.TypeFor[int64](), "float": reflect.TypeFor[float32](), "double": reflect.TypeFor[float64](),
	"boolean": reflect.TypeFor[bool](), "timestamp": reflect.TypeFor[time.Time](),
}

// typeOf makes the type that the SDK would have for a shape.
func (s *suite) typeOf(name string) reflect.Type {
	if name == "RecursiveStructType" {
		return reflect.TypeFor[recursive]()
	}
	shape := s.Shapes[name]
	switch shape.Type {
	case "structure":
		var fields []reflect.StructField
		for member, ref := range shape.Members {
			kind := s.typeOf(ref.Shape)
			if shape.Payload == member && (ref.Streaming || s.Shapes[ref.Shape].Streaming) {
				kind = reflect.TypeFor[io.Reader]()
			} else if kind.Kind() != reflect.Slice && kind.Kind() != reflect.Map {
				kind = reflect.PointerTo(kind)
			}
			fields = append(fields, reflect.StructField{Name: bind.GoName(member), Type: kind, Tag: reflect.StructTag(`json:"` + member + `"`)})
		}
		return reflect.StructOf(fields)
	case "list":
		return reflect.SliceOf(s.typeOf(shape.Member.Shape))
	case "map":
		return reflect.MapOf(reflect.TypeFor[string](), s.typeOf(shape.Value.Shape))
	case "blob":
		return reflect.TypeFor[[]byte]()
	}
	return scalars[shape.Type]
}

// fill sets a value to what a test's JSON says: times are seconds since 1970, blobs are text.
func fill(t *testing.T, node *bind.Node, v reflect.Value, raw json.RawMessage) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	v = bind.Settle(v)
	switch node.Kind {
	case bind.Structure:
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &members))
		for _, field := range node.Fields {
			fill(t, field.Node, v.Field(field.Index), members[field.Member])
		}
	case bind.List:
		var elements []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &elements))
		v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
		for i := range elements {
			fill(t, node.Elem.Node, v.Index(i), elements[i])
		}
	case bind.Map:
		var entries map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &entries))
		v.Set(reflect.MakeMap(v.Type()))
		for key, value := range entries {
			element := reflect.New(v.Type().Elem()).Elem()
			fill(t, node.Elem.Node, element, value)
			v.SetMapIndex(reflect.ValueOf(key), element)
		}
	case bind.Timestamp:
		var seconds float64
		require.NoError(t, json.Unmarshal(raw, &seconds))
		v.Set(reflect.ValueOf(time.UnixMilli(int64(seconds * 1000)).UTC()))
	case bind.Blob, bind.Stream:
		var text string
		require.NoError(t, json.Unmarshal(raw, &text))
		if node.Kind == bind.Stream {
			v.Set(reflect.ValueOf(io.NopCloser(strings.NewReader(text))))
			return
		}
		v.SetBytes([]byte(text))
	default:
		require.NoError(t, json.Unmarshal(raw, v.Addr().Interface()))
	}
}
