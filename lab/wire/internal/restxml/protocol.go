// Package restxml speaks rest-xml: members in path, query and headers, the others in an XML body. S3 and Route 53
// speak it, S3 with errors of its own form:
//
//	<Error><Code>NoSuchBucket</Code><Message>…</Message><BucketName>b</BucketName><RequestId>…</RequestId></Error>
//
//	<ErrorResponse xmlns="…"><Error><Type>Sender</Type><Code>NoSuchHostedZone</Code><Message>…</Message></Error>
//	<RequestId>…</RequestId></ErrorResponse>
package restxml

import (
	"net/http"
	"reflect"
	"strings"
	"sync"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/internal/rest"
	"haven/lab/wire/internal/xmltext"
)

// Protocol is rest-xml.
type Protocol struct{ routers sync.Map }

var _ api.Protocol = &Protocol{}

// Name returns the protocol's name in models.
func (*Protocol) Name() string { return "rest-xml" }

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
	if err := rest.Decode(r, match, operation, into); err != nil {
		return err
	}
	if isS3(operation.Service) {
		if err := unknownHeader(r, operation); err != nil {
			return err
		}
	}
	if operation.Input == nil {
		return nil
	}
	payload := operation.Input.PayloadField()
	if rest.SetPayload(r, payload, into) || len(r.Body) == 0 {
		return nil
	}
	root, err := xmltext.Parse(r.Body)
	if err != nil {
		return err
	}
	if payload == nil {
		return root.Structure(operation.Input, into, "")
	}
	return root.Structure(payload.Node, bind.Settle(into.Field(payload.Index)), payload.Member)
}

func isS3(service *model.Service) bool { return service != nil && service.Name == "s3" }

// carried are S3's headers that speak of the request itself and not of the operation.
var carried = []string{
	"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-decoded-content-length",
	"x-amz-trailer", "x-amz-te", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-", "x-amz-request-id",
}

// unknownHeader finds a header that asks for something that the lab knows nothing of.
func unknownHeader(r *api.Request, operation *api.Operation) error {
	known := carried
	if operation.Input != nil {
		for _, field := range operation.Input.Fields {
			if strings.HasPrefix(field.Ref.Location, "header") {
				known = append(known[:len(known):len(known)], strings.ToLower(field.Ref.LocationName))
			}
		}
	}
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !hasPrefix(name, known) {
			return fault.Newf(fault.UnimplementedParameter,
				"A header you provided implies functionality that is not implemented: the lab does not know %s of %s.", name, operation.Name)
		}
	}
	return nil
}

func hasPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Encode writes headers, status and body.
func (*Protocol) Encode(w http.ResponseWriter, r *api.Request, operation *api.Operation, from reflect.Value) error {
	status := rest.Encode(w, operation, from)
	requestID(w, r, operation.Service)
	if status == http.StatusOK && w.Header().Get("Content-Range") != "" {
		status = http.StatusPartialContent
	}
	payload := operation.Output.PayloadField()
	if done, err := rest.Raw(w, status, payload, from); done {
		return err
	}
	if operation.Output == nil || status == http.StatusNoContent || r.Method == http.MethodHead || !hasBody(operation.Output) {
		if r.Method != http.MethodHead && status != http.StatusNoContent {
			w.Header().Set("Content-Length", "0")
		}
		w.WriteHeader(status)
		return nil
	}
	out := xmltext.Writer{}
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	writeBody(&out, operation, payload, from)
	api.Write(w, status, "application/xml", out.Bytes())
	return nil
}

// hasBody tells whether an output has members that go into the body.
func hasBody(node *bind.Node) bool {
	for _, field := range node.Fields {
		if field.Ref.Location == "" {
			return true
		}
	}
	return false
}

// requestID tells the request's id, for S3 in headers of its own.
func requestID(w http.ResponseWriter, r *api.Request, service *model.Service) {
	if isS3(service) {
		w.Header().Set("X-Amz-Request-Id", r.ID)
		w.Header().Set("X-Amz-Id-2", r.ID)
		return
	}
	w.Header().Set("X-Amzn-Requestid", r.ID)
}

// Fail writes an error; the answer to a HEAD has no body.
func (*Protocol) Fail(w http.ResponseWriter, r *api.Request, service *model.Service, failure *cloud.Error) {
	requestID(w, r, service)
	if r.Method == http.MethodHead || failure.Status == http.StatusNotModified {
		w.WriteHeader(failure.Status)
		return
	}
	out := xmltext.Writer{}
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if service == nil || isS3(service) {
		s3Error(&out, r, failure)
	} else {
		out.Open("ErrorResponse", &model.Namespace{URI: namespace(service)})
		out.Open("Error", nil)
		out.Element("Type", api.FaultType(failure.Status))
		out.Element("Code", failure.Code)
		out.Element("Message", failure.Message)
		out.Details(failure.Detail)
		out.Close("Error")
		out.Element("RequestId", r.ID)
		out.Close("ErrorResponse")
	}
	api.Write(w, failure.Status, "application/xml", out.Bytes())
}

func s3Error(out *xmltext.Writer, r *api.Request, failure *cloud.Error) {
	out.Open("Error", nil)
	out.Element("Code", failure.Code)
	out.Element("Message", failure.Message)
	out.Details(failure.Detail)
	out.Element("Resource", r.URL.Path)
	out.Element("RequestId", r.ID)
	out.Element("HostId", r.ID)
	out.Close("Error")
}
