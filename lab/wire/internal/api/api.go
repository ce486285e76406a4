package api

import (
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/bind"
)

// Request is a request whose service and caller are known.
type Request struct {
	*http.Request
	ID    string     // the request id to answer with
	Path  string     // the escaped path that operations are found by: for S3 with the bucket in front
	Query url.Values // of the URL, without what belongs to the signature
	// Body is the whole body; nil where it streams.
	Body []byte
	// Stream is the body, checked as it is read, of an operation that takes it as a stream.
	Stream io.ReadCloser
}

// Operation is an operation that the lab serves.
type Operation struct {
	*model.Operation
	Service *model.Service
	Input   *bind.Node
	Output  *bind.Node
}

// Match is the outcome of looking for an operation.
type Match struct {
	Name   string            // the operation's name
	Labels map[string]string // what stands in its route's places, unescaped
}

// Protocol is one way to write requests and responses.
type Protocol interface {
	// Name is the protocol's name in models.
	Name() string
	// Find tells which operation a request is for. It may look at the body's beginning only through Request.Body.
	Find(r *Request, service *model.Service) (Match, error)
	// Decode reads the input; into is a settled struct.
	Decode(r *Request, match Match, operation *Operation, into reflect.Value) error
	// Encode writes the output; from is a struct.
	Encode(w http.ResponseWriter, r *Request, operation *Operation, from reflect.Value) error
	// Fail writes an error. The operation is nil when none was found, and so may be the service.
	Fail(w http.ResponseWriter, r *Request, service *model.Service, failure *cloud.Error)
}

// Status returns the HTTP status of an operation's success.
func (o *Operation) Status() int {
	if o.HTTP.ResponseCode != 0 {
		return o.HTTP.ResponseCode
	}
	return http.StatusOK
}

// Lists tells whether an operation lists things: then AWS answers an empty list, where there is nothing, and not none.
func (o *Operation) Lists() bool {
	return strings.HasPrefix(o.Name, "List") || strings.HasPrefix(o.Name, "Describe")
}
