package jsonrpc

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/document"
	"haven/lab/wire/internal/fault"
)

// Protocol is JSON 1.0 or 1.1, as the service's model says. For output, members of services whose model says query are written as
// the model names them in XML, which for those services is the member's name.
type Protocol struct{}

var _ api.Protocol = Protocol{}

// Name returns the protocol's name in models.
func (Protocol) Name() string { return "json" }

// Target splits the header that names service and operation.
func Target(r *http.Request) (prefix, operation string) {
	target := r.Header.Get("X-Amz-Target")
	dot := strings.LastIndexByte(target, '.')
	return target[:max(dot, 0)], target[dot+1:]
}

// Find reads the header X-Amz-Target.
func (Protocol) Find(r *api.Request, service *model.Service) (api.Match, error) {
	prefix, operation := Target(r.Request)
	if operation == "" || isJSON(service) && prefix != service.Metadata.TargetPrefix {
		return api.Match{}, fault.Newf(fault.UnknownOperation, "The header X-Amz-Target names no operation of %s: %q; it should be %s.<operation>.",
			service.Metadata.ServiceID, r.Header.Get("X-Amz-Target"), service.Metadata.TargetPrefix)
	}
	return api.Match{Name: operation}, nil
}

// isJSON tells whether JSON is the protocol of the service's model; newer clients speak it to others as well, with names
// of members as the model has them.
func isJSON(service *model.Service) bool { return service.Metadata.Protocol == "json" }

func memberName(f *bind.Field) string { return f.Member }

// Decode reads the body's object.
func (Protocol) Decode(r *api.Request, _ api.Match, operation *api.Operation, into reflect.Value) error {
	tree, err := document.ParseJSON(r.Body)
	if err != nil || operation.Input == nil {
		return err
	}
	reader := document.Reader{Name: document.JSONName}
	if !isJSON(operation.Service) {
		reader.Name = memberName
	}
	return reader.Structure(operation.Input, into, tree, "")
}

// Encode writes the body's object.
func (Protocol) Encode(w http.ResponseWriter, r *api.Request, operation *api.Operation, from reflect.Value) error {
	var body []byte
	if operation.Output != nil {
		body = document.AppendJSON(make([]byte, 0, 512), operation.Output, from, operation.Lists())
	}
	w.Header().Set("X-Amzn-Requestid", r.ID)
	api.Write(w, operation.Status(), contentType(operation.Service), body)
	return nil
}

func contentType(service *model.Service) string {
	if service == nil || service.Metadata.JSONVersion == "" {
		return "application/x-amz-json-1.1"
	}
	return "application/x-amz-json-" + service.Metadata.JSONVersion
}

// Fail writes an error.
func (Protocol) Fail(w http.ResponseWriter, r *api.Request, service *model.Service, failure *cloud.Error) {
	w.Header().Set("X-Amzn-Requestid", r.ID)
	sent := *failure
	if service != nil && !isJSON(service) {
		sent.Code = api.ErrorShape(service, failure.Code)
		api.QueryError(w, failure)
	}
	w.Header().Set("X-Amzn-Errortype", sent.Code)
	api.Write(w, failure.Status, contentType(service), ErrorBody(&sent, "__type"))
}

// ErrorBody returns an error as an object; code is the name of the member that holds the code.
func ErrorBody(failure *cloud.Error, code string) []byte {
	body := document.AppendString([]byte{'{'}, code)
	body = document.AppendString(append(body, ':'), failure.Code)
	body = document.AppendString(append(body, `,"message":`...), failure.Message)
	for _, name := range slices.Sorted(maps.Keys(failure.Detail)) {
		body = document.AppendString(append(body, ','), name)
		body = document.AppendString(append(body, ':'), failure.Detail[name])
	}
	return append(body, '}')
}
