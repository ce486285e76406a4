// Package cbor speaks Smithy's RPC v2 with CBOR bodies (https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html),
// which newer clients use for services whose model says query or JSON, such as CloudWatch:
//
//	POST /service/GraniteServiceVersion20100801/operation/PutMetricData
//	Smithy-Protocol: rpc-v2-cbor
//
// Clients that used to speak query read their old error code from the header x-amzn-query-error.
package cbor

import (
	"net/http"
	"reflect"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/document"
	"haven/lab/wire/internal/fault"
)

// Protocol is RPC v2 CBOR.
type Protocol struct{}

var _ api.Protocol = Protocol{}

// Header is the value of the header Smithy-Protocol that asks for this protocol.
const Header = "rpc-v2-cbor"

// Name returns the protocol's name.
func (Protocol) Name() string { return Header }

// Find reads the path.
func (Protocol) Find(r *api.Request, _ *model.Service) (api.Match, error) {
	parts := strings.Split(strings.Trim(r.Path, "/"), "/")
	if len(parts) < 4 || parts[len(parts)-4] != "service" || parts[len(parts)-2] != "operation" || r.Method != http.MethodPost {
		return api.Match{}, fault.Newf(fault.UnknownOperation, "A request in %s is a POST to /service/<service>/operation/<operation>.", Header)
	}
	return api.Match{Name: parts[len(parts)-1]}, nil
}

var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DefaultMapType: reflect.TypeFor[map[string]any](), MaxNestedLevels: 64, DupMapKey: cbor.DupMapKeyEnforcedAPF,
		IntDec: cbor.IntDecConvertNone,
	}.DecMode()
	if err != nil {
		panic("cbor: " + err.Error()) // the options are constants
	}
	return mode
}()

// Decode reads the body's map.
func (Protocol) Decode(r *api.Request, _ api.Match, operation *api.Operation, into reflect.Value) error {
	if len(r.Body) == 0 || operation.Input == nil {
		return nil
	}
	var tree map[string]any
	if err := decoding.Unmarshal(r.Body, &tree); err != nil {
		return fault.Newf(fault.Malformed, "The body is not a CBOR map: %v.", err)
	}
	return document.Reader{Name: memberName}.Structure(operation.Input, into, tree, "")
}

func memberName(f *bind.Field) string { return f.Member }

// Encode writes the body's map.
func (Protocol) Encode(w http.ResponseWriter, r *api.Request, operation *api.Operation, from reflect.Value) error {
	tree := map[string]any{}
	if operation.Output != nil {
		tree = output(operation.Output, from, operation.Lists())
	}
	return write(w, r, operation.Status(), tree)
}

func write(w http.ResponseWriter, r *api.Request, status int, tree map[string]any) error {
	body, err := cbor.Marshal(tree)
	if err != nil {
		return err
	}
	w.Header().Set("Smithy-Protocol", Header)
	w.Header().Set("X-Amzn-Requestid", r.ID)
	api.Write(w, status, "application/cbor", body)
	return nil
}

// Fail writes an error.
func (Protocol) Fail(w http.ResponseWriter, r *api.Request, service *model.Service, failure *cloud.Error) {
	tree := map[string]any{"__type": api.ErrorShape(service, failure.Code), "message": failure.Message}
	for name, value := range failure.Detail {
		tree[name] = value
	}
	api.QueryError(w, failure)
	write(w, r, failure.Status, tree) // strings can always be written
}
