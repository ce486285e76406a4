package trim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"haven/lab/model"
)

// Service returns the trimmed model of a service whose handlers are the Go files of a folder.
func Service(source, name, dir string) (*model.Service, error) {
	handlers, err := Scan(dir)
	if err != nil {
		return nil, err
	}
	whole, err := readPublished(source, name)
	if err != nil {
		return nil, err
	}
	if err := amend(name, whole); err != nil {
		return nil, err
	}
	return cut(name, whole, handlers)
}

func cut(name string, whole *published, handlers Handlers) (*model.Service, error) {
	service := &model.Service{
		Name: name, Metadata: whole.Metadata, Operations: map[string]*model.Operation{},
		Others: map[string]model.HTTP{}, Shapes: map[string]*model.Shape{},
	}
	for operation, members := range handlers {
		published, ok := whole.Operations[operation]
		if !ok {
			return nil, fmt.Errorf("trimming %s: AWS has no operation %s, but there is a handler of that name", name, operation)
		}
		kept := *published
		kept.Implemented = known(whole, published, members)
		service.Operations[operation] = &kept
		keep(service, whole, &kept)
	}
	routed := strings.HasPrefix(whole.Metadata.Protocol, "rest-")
	for operation, published := range whole.Operations {
		if routed {
			published.HTTP.Required = required(whole, published)
		}
		if kept := service.Operations[operation]; kept != nil {
			kept.HTTP.Required = published.HTTP.Required
			continue
		}
		service.Others[operation] = model.HTTP{}
		if routed {
			service.Others[operation] = published.HTTP
		}
	}
	return service, nil
}

// known drops what the model has no member for: fields that only the newer SDK has cannot arrive.
func known(whole *published, operation *model.Operation, members []string) []string {
	if operation.Input == nil {
		return nil
	}
	published := map[string]bool{}
	for member := range whole.Shapes[operation.Input.Shape].Members {
		published[GoName(member)] = true
	}
	return slices.DeleteFunc(slices.Clone(members), func(m string) bool { return !published[m] })
}

// GoName returns the name that aws-sdk-go-v2 gives a member's field: the member's, with a capital first letter.
func GoName(member string) string { return strings.ToUpper(member[:1]) + member[1:] }

// keep adds the shapes that an operation reaches.
func keep(service *model.Service, whole *published, operation *model.Operation) {
	for _, ref := range []*model.Ref{operation.Input, operation.Output} {
		keepShape(service, whole, ref)
	}
	for _, exception := range operation.Errors {
		keepShape(service, whole, &exception)
	}
}

func keepShape(service *model.Service, whole *published, ref *model.Ref) {
	if ref == nil || service.Shapes[ref.Shape] != nil {
		return
	}
	shape := whole.Shapes[ref.Shape]
	service.Shapes[ref.Shape] = shape
	for _, member := range slices.Sorted(maps.Keys(shape.Members)) {
		keepShape(service, whole, shape.Members[member])
	}
	for _, part := range []*model.Ref{shape.Member, shape.Key, shape.Value} {
		keepShape(service, whole, part)
	}
}

// required lists the query and header parameters that a request for the operation must have.
func required(whole *published, operation *model.Operation) []string {
	if operation.Input == nil {
		return nil
	}
	var all []string
	shape := whole.Shapes[operation.Input.Shape]
	for _, name := range shape.Required {
		member := shape.Members[name]
		where := map[string]string{"querystring": "query:", "header": "header:"}[member.Location]
		if where == "" {
			continue
		}
		all = append(all, where+member.LocationName)
	}
	slices.Sort(all)
	return all
}
