package vectors

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/jsonrpc"
	"haven/lab/wire/internal/query"
	"haven/lab/wire/internal/restjson"
	"haven/lab/wire/internal/restxml"
)

// suite is one published test: shapes and cases.
type suite struct {
	Description string
	Metadata    model.Metadata
	Located     map[string]*located     `json:"shapes"`
	Shapes      map[string]*model.Shape `json:"-"`
	Cases       []vector
}

// located is a shape that says where its members travel, which in real models the members say.
type located struct {
	model.Shape
	Location string
}

// operation is an operation that says which member of its input or output is the body, which in real models the
// shapes say.
type operation struct {
	model.Operation
	Input  *body `json:"input"`
	Output *body `json:"output"`
}

type body struct {
	model.Ref
	Payload string
}

// vector is one case.
type vector struct {
	Given      operation
	Params     json.RawMessage
	Serialized struct {
		Method, URI, Body string
		Headers           map[string]string
	}
	Result   json.RawMessage
	Response struct {
		StatusCode int `json:"status_code"`
		Headers    map[string]string
		Body       string
	}
}

var protocols = map[string]api.Protocol{
	"ec2": query.NewEC2(), "query": query.New(), "json": jsonrpc.Protocol{}, "rest-json": &restjson.Protocol{}, "rest-xml": &restxml.Protocol{},
}

// load reads the tests of one direction and protocol.
func load(t *testing.T, direction, protocol string) []suite {
	raw, err := os.ReadFile(filepath.Join("testdata", direction, protocol+".json"))
	require.NoError(t, err)
	var suites []suite
	require.NoError(t, json.Unmarshal(raw, &suites))
	for i := range suites {
		suites[i].spread()
	}
	return suites
}

// spread puts what these tests say of shapes, and real models say of members, to the members.
func (s *suite) spread() {
	s.Shapes = map[string]*model.Shape{}
	for name, shape := range s.Located {
		s.Shapes[name] = &shape.Shape
	}
	for _, shape := range s.Shapes {
		for name, ref := range shape.Members {
			target := s.Located[ref.Shape]
			if ref.Location != "" && ref.LocationName == "" {
				ref.LocationName = name
			}
			if target.Location != "" && ref.Location == "" {
				ref.Location = target.Location
				ref.LocationName = cmp.Or(ref.LocationName, target.LocationName, name)
			}
		}
	}
}

// join joins a case's operation to Go types made for it.
func (s *suite) join(t *testing.T, given operation) *api.Operation {
	if given.Input != nil {
		given.Operation.Input = &given.Input.Ref
		s.Shapes[given.Input.Shape].Payload = cmp.Or(given.Input.Payload, s.Shapes[given.Input.Shape].Payload)
	}
	if given.Output != nil {
		given.Operation.Output = &given.Output.Ref
		s.Shapes[given.Output.Shape].Payload = cmp.Or(given.Output.Payload, s.Shapes[given.Output.Shape].Payload)
	}
	service := &model.Service{
		Name: "vectors", Metadata: s.Metadata, Shapes: s.Shapes, Operations: map[string]*model.Operation{given.Name: &given.Operation},
	}
	joined := &api.Operation{Operation: &given.Operation, Service: service}
	binder := bind.NewBinder(service)
	node := func(ref *model.Ref) *bind.Node {
		if ref == nil || ref.Shape == "" {
			return nil
		}
		bound, err := binder.Bind(ref.Shape, s.typeOf(ref.Shape))
		require.NoError(t, err)
		return bound
	}
	joined.Input, joined.Output = node(given.Operation.Input), node(given.Operation.Output)
	return joined
}

func name(s suite, index int) string {
	return strings.ReplaceAll(s.Description, " ", "_") + "_" + string(rune('a'+index))
}
