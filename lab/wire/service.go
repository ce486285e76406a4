package wire

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"haven/lab/model"
	"haven/lab/wire/internal/api"
	"haven/lab/wire/internal/bind"
)

// service is a service with its handlers.
type service struct {
	model      *model.Service
	operations map[string]*operation
}

// operation is a handler with what the model says of it.
type operation struct {
	api.Operation
	handler     reflect.Value
	implemented map[string]bool // by field
	input       reflect.Type    // the struct
	streams     bool            // the input holds the body as a stream
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// newService joins a service's methods to its model; it fails when there is anything that does not fit.
func newService(described *model.Service, receiver any) (*service, error) {
	s := &service{model: described, operations: map[string]*operation{}}
	binder := bind.NewBinder(described)
	value := reflect.ValueOf(receiver)
	for i := range value.NumMethod() {
		name, handler := value.Type().Method(i).Name, value.Method(i)
		if !isHandler(name, handler.Type()) {
			continue
		}
		operation, err := newOperation(described, binder, name, handler)
		if err != nil {
			return nil, fmt.Errorf("serving %s %s: %w", described.Name, name, err)
		}
		s.operations[name] = operation
	}
	for _, name := range slices.Sorted(maps.Keys(described.Operations)) {
		if s.operations[name] == nil {
			return nil, fmt.Errorf("serving %s: there is no handler for %s, which the model has; type: go generate ./lab/model", described.Name, name)
		}
	}
	return s, nil
}

// isHandler tells whether a method has a handler's form.
func isHandler(name string, kind reflect.Type) bool {
	return kind.NumIn() == 2 && kind.NumOut() == 2 &&
		kind.In(0) == contextType && kind.Out(1) == errorType &&
		isPointerTo(kind.In(1), name+"Input") && isPointerTo(kind.Out(0), name+"Output")
}

func isPointerTo(kind reflect.Type, name string) bool {
	return kind.Kind() == reflect.Pointer && kind.Elem().Kind() == reflect.Struct && kind.Elem().Name() == name
}

func newOperation(described *model.Service, binder *bind.Binder, name string, handler reflect.Value) (*operation, error) {
	known := described.Operations[name]
	if known == nil {
		return nil, fmt.Errorf("the model lacks the operation; type: go generate ./lab/model")
	}
	known.Name = name
	op := &operation{handler: handler, implemented: map[string]bool{}, input: handler.Type().In(1).Elem()}
	op.Operation = api.Operation{Operation: known, Service: described}
	for _, member := range known.Implemented {
		op.implemented[member] = true
	}
	var err error
	if known.Input != nil {
		if op.Input, err = binder.Bind(known.Input.Shape, op.input); err != nil {
			return nil, err
		}
	}
	if known.Output != nil {
		if op.Output, err = binder.Bind(known.Output.Shape, handler.Type().Out(0).Elem()); err != nil {
			return nil, err
		}
	}
	payload := op.Input.PayloadField()
	op.streams = payload != nil && payload.Kind == bind.Stream
	return op, nil
}
