package vectors

import (
	"cmp"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/xmltext"
)

// notWritten are published responses that the lab writes otherwise, each with the reason.
var notWritten = map[string]string{
	"json Ignores extra data":                  "has members that are not in the model: it is about clients",
	"json unmodeled non-json response payload": "has no JSON in it: it is about clients",
	"rest-json Ignores extra data":             "has members that are not in the model: it is about clients",
	"rest-json Ignores undefined output":       "has no JSON in it: it is about clients",
	"rest-json Supports header maps":           "sets Content-Length by a map, to what the body is not",
	"rest-json JSON value trait":               "no service of the lab has the trait",
	"rest-json Scalar members":                 "has a time in another format than the protocol's: it is about clients",
	"query Flattened list of structures":       "has its wrapper at the shape, where real models have it at the operation",
	"json Lists_b":                             "has nulls in a list, which the SDK's types cannot hold",
}

// TestResponses encodes a value and expects what a service writes for it.
func TestResponses(t *testing.T) {
	for protocol := range protocols {
		for _, s := range load(t, "output", protocol) {
			for i := range s.Cases {
				t.Run(protocol+"/"+name(s, i), func(t *testing.T) {
					why := cmp.Or(notWritten[protocol+" "+s.Description], notWritten[protocol+" "+name(s, i)])
					if why != "" {
						t.Skip(why)
					}
					s.response(t, protocol, &s.Cases[i])
				})
			}
		}
	}
}

func (s *suite) response(t *testing.T, protocol string, c *vector) {
	operation := s.join(t, c.Given)
	from := reflect.ValueOf(struct{}{})
	if operation.Output != nil {
		value := reflect.New(operation.Output.Type)
		fill(t, operation.Output, value.Elem(), c.Result)
		from = value.Elem()
	}
	answer := httptest.NewRecorder()
	request := &api.Request{Request: httptest.NewRequest("GET", "/", nil), ID: "id", Query: url.Values{}}
	require.NoError(t, protocols[protocol].Encode(answer, request, operation, from))
	if c.Response.StatusCode != 0 {
		assert.Equal(t, c.Response.StatusCode, answer.Code)
	}
	for name, want := range c.Response.Headers {
		if operation.Output.PayloadField() == nil || !strings.EqualFold(name, "Content-Type") {
			assert.Equal(t, want, answer.Header().Get(name), name)
		}
	}
	compare(t, protocol, operation, c.Response.Body, answer.Body.String())
}

func compare(t *testing.T, protocol string, operation *api.Operation, want, got string) {
	if want == got {
		return
	}
	if strings.HasSuffix(protocol, "json") {
		assert.JSONEq(t, want, got)
		return
	}
	wanted, err := xmltext.Parse([]byte(want))
	require.NoError(t, err)
	written, err := xmltext.Parse([]byte(got))
	require.NoError(t, err)
	assert.Equal(t, plain(wanted), plain(written))
}

// order is what elements are sorted by: members by their names, entries of maps by their keys.
func order(e *xmltext.Element) string {
	if len(e.Children) == 2 && len(e.Children[0].Children) == 0 {
		return e.Name + e.Children[0].Text
	}
	return e.Name
}

// plain is an element as far as it matters: without its outermost name, the request's id and the order of members.
func plain(root *xmltext.Element) any {
	root.Children = slices.DeleteFunc(root.Children, func(e *xmltext.Element) bool {
		return e.Name == "ResponseMetadata" || strings.EqualFold(e.Name, "requestId")
	})
	root.Name = ""
	var tidy func(e *xmltext.Element) map[string]any
	tidy = func(e *xmltext.Element) map[string]any {
		slices.SortStableFunc(e.Children, func(a, b *xmltext.Element) int { return strings.Compare(order(a), order(b)) })
		var children []any
		for _, child := range e.Children {
			children = append(children, tidy(child))
		}
		text := strings.TrimSpace(e.Text)
		if len(children) > 0 {
			text = ""
		}
		return map[string]any{"name": e.Name, "text": text, "children": children}
	}
	return tidy(root)
}
