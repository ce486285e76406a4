package trim

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"haven/lab/model"
)

// additions are pieces of API models, in the form of the published ones, for what current clients send or expect and
// the published models, older than they, lack. Each is from the service's API reference at https://docs.aws.amazon.com.
//
//go:embed additions/*.json
var additions embed.FS

// amend adds a service's additions to its published model: operations, shapes, members of shapes, values of enumerations.
func amend(service string, whole *published) error {
	raw, err := additions.ReadFile("additions/" + service + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("amending the model of %s: %w", service, err)
	}
	var more published
	if err := json.Unmarshal(raw, &more); err != nil {
		return fmt.Errorf("amending the model of %s: %w", service, err)
	}
	maps.Copy(whole.Operations, more.Operations)
	for name, shape := range more.Shapes {
		whole.Shapes[name] = merge(whole.Shapes[name], shape)
	}
	return nil
}

func merge(shape, more *model.Shape) *model.Shape {
	if shape == nil || more.Type != "" {
		return more
	}
	shape.Enum = append(shape.Enum, more.Enum...)
	if shape.Members == nil {
		shape.Members = map[string]*model.Ref{}
	}
	maps.Copy(shape.Members, more.Members)
	return shape
}
