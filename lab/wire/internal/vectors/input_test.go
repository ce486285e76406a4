package vectors

import (
	"cmp"
	"io"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
)

// notRead are published requests that the lab does not read, each with the reason.
var notRead = map[string]string{
	"rest-json JSON value trait":       "no service of the lab has the trait",
	"rest-xml Header whitespace":       "a header's value has no space around it in HTTP",
	"json Idempotency token auto fill": "names no target: the test is about the body alone, which others cover",
	"json Enum":                        "names no target: the test is about the body alone, which others cover",
}

// TestRequests decodes what a client writes for a value, and expects the value.
func TestRequests(t *testing.T) {
	for protocol := range protocols {
		for _, s := range load(t, "input", protocol) {
			for i := range s.Cases {
				t.Run(protocol+"/"+name(s, i), func(t *testing.T) {
					if why := notRead[protocol+" "+s.Description]; why != "" {
						t.Skip(why)
					}
					s.request(t, protocol, &s.Cases[i])
				})
			}
		}
	}
}

func (s *suite) request(t *testing.T, protocol string, c *vector) {
	operation := s.join(t, c.Given)
	speaks := protocols[protocol]
	r := httptest.NewRequest(cmp.Or(c.Serialized.Method, c.Given.HTTP.Method, "POST"), c.Serialized.URI, strings.NewReader(c.Serialized.Body))
	for name, value := range c.Serialized.Headers {
		r.Header.Set(name, value)
	}
	request := &api.Request{
		Request: r, ID: "id", Path: r.URL.EscapedPath(), Query: r.URL.Query(), Body: []byte(c.Serialized.Body),
		Stream: io.NopCloser(strings.NewReader(c.Serialized.Body)),
	}
	match, err := speaks.Find(request, operation.Service)
	require.NoError(t, err)
	require.Equal(t, c.Given.Name, match.Name)
	if operation.Input == nil {
		return
	}
	want, got := reflect.New(operation.Input.Type), reflect.New(operation.Input.Type)
	fill(t, operation.Input, want.Elem(), c.Params)
	require.NoError(t, speaks.Decode(request, match, operation, got.Elem()))
	equal(t, operation.Input, want.Elem(), got.Elem())
}

// idempotencyToken is what clients fill in in these tests.
const idempotencyToken = "00000000-0000-4000-8000-000000000000"

// equal compares two structs; what clients fill in or leave out by themselves is not counted.
func equal(t *testing.T, node *bind.Node, want, got reflect.Value) {
	for _, field := range node.Fields {
		a, b := want.Field(field.Index), got.Field(field.Index)
		if field.Ref.IdempotencyToken && a.IsNil() {
			assert.Equal(t, idempotencyToken, b.Elem().String())
			continue
		}
		if field.Kind == bind.Stream {
			assert.Equal(t, text(t, a), text(t, b), field.Member)
			continue
		}
		if isEmpty(a) && isEmpty(b) {
			continue
		}
		assert.Equal(t, a.Interface(), b.Interface(), field.Member)
	}
}

func text(t *testing.T, v reflect.Value) string {
	if v.IsNil() {
		return ""
	}
	raw, err := io.ReadAll(v.Interface().(io.Reader))
	require.NoError(t, err)
	return string(raw)
}

// isEmpty tells whether nothing is there that a protocol could write.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return v.IsNil() || v.Elem().Kind() == reflect.Struct && v.Elem().IsZero()
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}
