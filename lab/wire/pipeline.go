package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"haven/lab/cloud"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/sigv4"
)

// exchange is one request on its way through the pipeline: each step adds what the next ones need.
type exchange struct {
	server  *Server
	started time.Time
	request *api.Request
	answer  *recorder
	ctx     context.Context

	call      cloud.Call
	protocol  api.Protocol     // after identify; before: a guess, to have words for an error
	service   *service         // after identify
	signature *sigv4.Signature // after identify
	secret    string           // after authenticate
	match     api.Match        // after find
	operation *operation       // after find
	input     reflect.Value    // after decode: a pointer to the SDK's struct
	output    reflect.Value    // after invoke: the same
}

// step is one part of the way. An error ends it, and is the answer.
type step func(*exchange) error

// pipeline is the way of every request.
var pipeline = []step{
	(*exchange).identify,     // whose service is it, and in which protocol? Is the region one of ours?
	(*exchange).authenticate, // who signed it, and does the signature hold? Reads the body where it is hashed.
	(*exchange).find,         // which operation does it want?
	(*exchange).read,         // the body, whole or as a stream, checked against its checksums
	(*exchange).decode,       // what does the input say, and does the model know all of it?
	(*exchange).validate,     // is what must be there, there, and has the handler a use for all of it?
	(*exchange).authorize,    // may the caller?
	(*exchange).invoke,       // the handler
	(*exchange).encode,       // its output
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	id := cloud.NewUUID()
	door := doorOf(r.Context())
	x := &exchange{
		server: s, started: s.options.Now(), answer: &recorder{ResponseWriter: w}, ctx: r.Context(),
		request: &api.Request{Request: r, ID: id, Path: r.URL.EscapedPath(), Query: operationQuery(r.URL.Query())},
		call: cloud.Call{
			ID: id, UserAgent: r.UserAgent(), Host: withoutPort(r.Host), SourceIP: withoutPort(r.RemoteAddr),
			Secure: r.TLS != nil || door.Secure, TLS: tlsVersion(r), VPC: door.VPC, Interface: door.Interface,
		},
	}
	failure := x.run()
	if failure != nil {
		x.fail(failure)
	}
	x.journal(failure)
}

// run takes the steps. A step that panics is an internal error; the server goes on.
func (x *exchange) run() (failure *cloud.Error) {
	defer func() {
		if reason := recover(); reason != nil {
			x.server.options.Log.Error("a handler panicked", "service", x.call.Service, "operation", x.call.Operation,
				"request", x.call.ID, "reason", reason, "stack", string(debug.Stack()))
			failure = x.translate(fault.Newf(fault.Internal, "The lab has a fault: %s %s panicked; its log has the details.", x.call.Service, x.call.Operation))
		}
	}()
	for _, take := range pipeline {
		if err := take(x); err != nil {
			return x.translate(err)
		}
	}
	return nil
}

// translate makes an error one that can be sent.
func (x *exchange) translate(err error) *cloud.Error {
	var sendable *cloud.Error
	if errors.As(err, &sendable) {
		return x.withModelStatus(sendable)
	}
	problem, ok := bind.IsProblem(err)
	if !ok {
		x.server.options.Log.Error("a handler failed", "service", x.call.Service, "operation", x.call.Operation, "request", x.call.ID, "error", err)
		problem = fault.Newf(fault.Internal, "The lab has a fault: %s %s failed; its log has the details.", x.call.Service, x.call.Operation)
	}
	if x.service == nil {
		return fault.For(nil, x.protocol.Name(), problem)
	}
	return fault.For(x.service.model, x.protocol.Name(), problem)
}

// withModelStatus gives an error the status that the model has for its code, unless the handler chose one.
func (x *exchange) withModelStatus(failure *cloud.Error) *cloud.Error {
	adapted := *failure
	if adapted.Status == 0 {
		adapted.Status = http.StatusBadRequest
	}
	if x.operation == nil || adapted.Status != http.StatusBadRequest {
		return &adapted
	}
	for _, ref := range x.operation.Errors {
		described := x.service.model.Shapes[ref.Shape].Error
		if described != nil && described.HTTPStatusCode != 0 && (described.Code == failure.Code || ref.Shape == failure.Code) {
			adapted.Status = described.HTTPStatusCode
		}
	}
	return &adapted
}

func (x *exchange) fail(failure *cloud.Error) {
	if x.answer.status != 0 { // the answer has begun: all that is left is to break it off
		panic(http.ErrAbortHandler)
	}
	if x.service == nil {
		x.protocol.Fail(x.answer, x.request, nil, failure)
		return
	}
	x.protocol.Fail(x.answer, x.request, x.service.model, failure)
}

func (x *exchange) journal(failure *cloud.Error) {
	if x.server.options.OnCall == nil {
		return
	}
	record := Record{
		Time: x.started, ID: x.call.ID, Service: x.call.Service, Operation: x.call.Operation, Region: x.call.Region,
		Principal: x.call.Principal.ARN, SourceIP: x.call.SourceIP, UserAgent: x.call.UserAgent,
		Status: x.answer.status, Duration: x.server.options.Now().Sub(x.started),
	}
	if failure != nil {
		record.Code, record.Message = failure.Code, failure.Message
	}
	x.server.options.OnCall(record)
}

func withoutPort(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader begins the answer.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
