// Package restjson speaks rest-json: members in path, query and headers, the others in a JSON body.
//
//	POST /2015-02-01/file-systems
//	{"CreationToken":"t","Encrypted":true}
//
// An error names its code in the header x-amzn-ErrorType; the body has the message.
package restjson

import (
	"net/http"
	"reflect"
	"sync"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/document"
	"haven/lab/wire/internal/jsonrpc"
	"haven/lab/wire/internal/rest"
)

// Protocol is rest-json.
type Protocol struct{ routers sync.Map }

var _ api.Protocol = &Protocol{}

// Name returns the protocol's name in models.
func (*Protocol) Name() string { return "rest-json" }

// Find looks for the route.
func (p *Protocol) Find(r *api.Request, service *model.Service) (api.Match, error) {
	router, ok := p.routers.Load(service)
	if !ok {
		router, _ = p.routers.LoadOrStore(service, rest.NewRouter(service))
	}
	return router.(*rest.Router).Find(r)
}

// Decode reads path, query, headers and body.
func (*Protocol) Decode(r *api.Request, match api.Match, operation *api.Operation, into reflect.Value) error {
	if err := rest.Decode(r, match, operation, into); err != nil || operation.Input == nil {
		return err
	}
	payload := operation.Input.PayloadField()
	if rest.SetPayload(r, payload, into) {
		return nil
	}
	tree, err := document.ParseJSON(r.Body)
	if err != nil {
		return err
	}
	reader := document.Reader{Name: document.JSONName}
	if payload == nil {
		return reader.Structure(operation.Input, into, tree, "")
	}
	if len(r.Body) == 0 {
		return nil
	}
	return reader.Structure(payload.Node, bind.Settle(into.Field(payload.Index)), tree, payload.Member)
}

// Encode writes headers, status and body.
func (*Protocol) Encode(w http.ResponseWriter, r *api.Request, operation *api.Operation, from reflect.Value) error {
	status := rest.Encode(w, operation, from)
	w.Header().Set("X-Amzn-Requestid", r.ID)
	payload := operation.Output.PayloadField()
	if done, err := rest.Raw(w, status, payload, from); done {
		return err
	}
	var body []byte
	switch {
	case operation.Output == nil || status == http.StatusNoContent:
		w.WriteHeader(status)
		return nil
	case payload == nil:
		body = document.AppendJSON(nil, operation.Output, from, operation.Lists())
	default:
		if value, ok := bind.Present(from.Field(payload.Index)); ok {
			body = document.AppendValue(nil, payload, value)
		}
	}
	api.Write(w, status, "application/json", body)
	return nil
}

// Fail writes an error.
func (*Protocol) Fail(w http.ResponseWriter, r *api.Request, service *model.Service, failure *cloud.Error) {
	w.Header().Set("X-Amzn-Requestid", r.ID)
	w.Header().Set("X-Amzn-Errortype", failure.Code)
	code := "code"
	if service != nil && service.Name == "efs" { // whose errors have a member of their own for it
		code = "ErrorCode"
	}
	api.Write(w, failure.Status, "application/json", jsonrpc.ErrorBody(failure, code))
}
