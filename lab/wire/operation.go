package wire

import (
	"fmt"
	"reflect"

	"haven/lab/cloud"
	"haven/lab/wire/internal/bind"
	"haven/lab/wire/internal/fault"
)

// find looks for the operation.
func (x *exchange) find() error {
	match, err := x.protocol.Find(x.request, x.service.model)
	if err != nil {
		return err
	}
	x.match = match
	x.call.Operation = match.Name
	if x.operation = x.service.operations[match.Name]; x.operation != nil {
		return nil
	}
	if _, ok := x.service.model.Others[match.Name]; ok {
		return fault.Newf(fault.UnimplementedOperation, "The lab does not implement the operation %s of %s, which AWS has.",
			match.Name, x.service.model.Metadata.ServiceID)
	}
	x.call.Operation = ""
	return fault.Newf(fault.UnknownOperation, "The action %s is not valid for this web service: %s has no such operation.",
		match.Name, x.service.model.Metadata.ServiceID)
}

// decode reads the input.
func (x *exchange) decode() error {
	x.input = reflect.New(x.operation.input)
	return x.protocol.Decode(x.request, x.match, &x.operation.Operation, x.input.Elem())
}

func (x *exchange) validate() error {
	node := x.operation.Input
	if node == nil {
		return nil
	}
	for _, field := range node.Fields {
		if x.operation.implemented[bind.GoName(field.Member)] || x.isHonoured(field) {
			continue
		}
		if value, ok := bind.Present(x.input.Elem().Field(field.Index)); ok && !isBareZero(x.input.Elem().Field(field.Index), value) {
			return fault.Newf(fault.UnimplementedParameter, "The lab does not implement the parameter %s of %s, which AWS has.",
				field.Member, x.operation.Name)
		}
	}
	violation := bind.Validate(node, x.input.Elem())
	if violation == nil {
		return nil
	}
	return x.describe(violation)
}

// isHonoured tells whether wire itself does what an input's member asks for.
func (x *exchange) isHonoured(field *bind.Field) bool {
	return x.service.model.Metadata.Protocol == "ec2" && field.Member == "DryRun" || x.isS3() && checkedHere[field.Member]
}

// checkedHere are S3's members that speak of the body, which wire checks.
var checkedHere = map[string]bool{
	"ContentMD5": true, "ContentLength": true, "ChecksumAlgorithm": true, "ChecksumCRC32": true, "ChecksumCRC32C": true,
	"ChecksumCRC64NVME": true, "ChecksumSHA1": true, "ChecksumSHA256": true,
}

// isBareZero tells whether a value cannot be told from one that was not given.
func isBareZero(field, value reflect.Value) bool {
	return field.Kind() != reflect.Pointer && value.IsZero()
}

// describe puts a violation into the words of the service.
func (x *exchange) describe(v *bind.Violation) error {
	kind := fault.InvalidValue
	if v.Missing {
		kind = fault.MissingParameter
	}
	if x.service.model.Metadata.Protocol != "ec2" {
		return fault.Newf(kind, "%s", v.Sentence())
	}
	if v.Missing {
		return fault.Newf(kind, "The request must contain the parameter %s", v.Path)
	}
	return fault.Newf(kind, "Value (%s) for parameter %s is invalid. %s.", v.Value, v.Path, v.Constraint)
}

// authorize asks whether the caller may, and ends a dry run.
func (x *exchange) authorize() error {
	link := x.call.Principal.Anonymous && x.call.Service == "sns"
	if authorizer := x.server.options.Authorizer; authorizer != nil && !link {
		if err := authorizer.Authorize(x.ctx, &x.call, x.input.Interface()); err != nil {
			return err
		}
	}
	if x.service.model.Metadata.Protocol != "ec2" {
		return nil
	}
	if dry := x.input.Elem().FieldByName("DryRun"); dry.IsValid() {
		if value, ok := bind.Present(dry); ok && value.Bool() {
			return fault.Newf(fault.DryRun, "Request would have succeeded, but DryRun flag is set.")
		}
	}
	return nil
}

// invoke calls the handler.
func (x *exchange) invoke() error {
	ctx := cloud.WithCall(x.ctx, &x.call)
	results := x.operation.handler.Call([]reflect.Value{reflect.ValueOf(ctx), x.input})
	if err, failed := results[1].Interface().(error); failed {
		return err
	}
	if results[0].IsNil() {
		return fmt.Errorf("the handler returned neither an output nor an error")
	}
	x.output = results[0]
	return nil
}

func (x *exchange) encode() error {
	return x.protocol.Encode(x.answer, x.request, &x.operation.Operation, x.output.Elem())
}
