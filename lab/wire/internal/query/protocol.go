package query

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"haven/lab/cloud"
	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/fault"
	"haven/lab/wire/internal/xmltext"
)

// Protocol is query, or ec2query with its mode on.
type Protocol struct{ ec2 bool }

var _ api.Protocol = Protocol{}

// New returns the query protocol.
func New() Protocol { return Protocol{} }

// NewEC2 returns the ec2query protocol.
func NewEC2() Protocol { return Protocol{ec2: true} }

// Name returns the protocol's name in models.
func (p Protocol) Name() string {
	if p.ec2 {
		return "ec2"
	}
	return "query"
}

// Find reads the parameters Action and Version.
func (p Protocol) Find(r *api.Request, service *model.Service) (api.Match, error) {
	values, err := parameters(r)
	if err != nil {
		return api.Match{}, err
	}
	if version := values.Get("Version"); version != "" && version != service.Metadata.APIVersion {
		return api.Match{}, fault.Newf(fault.UnknownOperation, "Could not find operation %s for version %s; the lab serves version %s.",
			values.Get("Action"), version, service.Metadata.APIVersion)
	}
	if values.Get("Action") == "" {
		return api.Match{}, &cloud.Error{Code: "MissingAction", Status: http.StatusBadRequest,
			Message: "The request is missing an action or a required parameter: it has no parameter Action."}
	}
	return api.Match{Name: values.Get("Action")}, nil
}

// parameters returns those of the body and the URL together.
func parameters(r *api.Request) (url.Values, error) {
	values, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, fault.Newf(fault.Malformed, "The body is not a form: %v.", err)
	}
	for name, given := range r.Query {
		values[name] = append(slices.Clone(values[name]), given...)
	}
	return values, nil
}

// Decode reads the form.
func (p Protocol) Decode(r *api.Request, _ api.Match, operation *api.Operation, into reflect.Value) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	values.Del("Action")
	values.Del("Version")
	tree, err := parseForm(values)
	if err != nil || operation.Input == nil {
		return err
	}
	return decoder{p.ec2}.structure(operation.Input, into, tree, "")
}

// Encode writes the response's envelope and members.
func (p Protocol) Encode(w http.ResponseWriter, r *api.Request, operation *api.Operation, from reflect.Value) error {
	out := xmltext.Writer{EmptyLists: true}
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	name := operation.Name + "Response"
	out.Open(name, operation.Service.Metadata.XMLNamespace)
	if p.ec2 {
		out.Element("requestId", r.ID)
	}
	p.members(&out, operation, from)
	if !p.ec2 {
		out.Open("ResponseMetadata", nil)
		out.Element("RequestId", r.ID)
		out.Close("ResponseMetadata")
	}
	out.Close(name)
	w.Header().Set("X-Amzn-Requestid", r.ID)
	api.Write(w, operation.Status(), "text/xml;charset=UTF-8", out.Bytes())
	return nil
}

func (p Protocol) members(out *xmltext.Writer, operation *api.Operation, from reflect.Value) {
	if operation.Output == nil {
		if p.ec2 {
			out.Element("return", "true")
		}
		return
	}
	wrapper := operation.Operation.Output.ResultWrapper
	if wrapper != "" {
		out.Open(wrapper, nil)
	}
	out.Members(operation.Output, from)
	if wrapper != "" {
		out.Close(wrapper)
	}
}

// Fail writes the error's envelope.
func (p Protocol) Fail(w http.ResponseWriter, r *api.Request, service *model.Service, failure *cloud.Error) {
	out := xmltext.Writer{}
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if p.ec2 {
		out.Open("Response", nil)
		out.Open("Errors", nil)
		xmlError(&out, failure, false)
		out.Close("Errors")
		out.Element("RequestID", r.ID)
		out.Close("Response")
	} else {
		var space *model.Namespace
		if service != nil {
			space = service.Metadata.XMLNamespace
		}
		out.Open("ErrorResponse", space)
		xmlError(&out, failure, true)
		out.Element("RequestId", r.ID)
		out.Close("ErrorResponse")
	}
	w.Header().Set("X-Amzn-Requestid", r.ID)
	api.Write(w, failure.Status, "text/xml;charset=UTF-8", out.Bytes())
}

func xmlError(out *xmltext.Writer, failure *cloud.Error, blame bool) {
	out.Open("Error", nil)
	if blame {
		out.Element("Type", api.FaultType(failure.Status))
	}
	out.Element("Code", failure.Code)
	out.Element("Message", failure.Message)
	out.Details(failure.Detail)
	out.Close("Error")
}
