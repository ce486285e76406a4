package contract

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Schema is the part of a Pulumi package schema that the contract is about.
type Schema struct {
	Provider  Resource            `json:"provider"`
	Resources map[string]Resource `json:"resources"`
	Functions map[string]Function `json:"functions"`
	Types     map[string]Object   `json:"types"`
}

// Resource is one resource type.
type Resource struct {
	Object
	InputProperties map[string]Property `json:"inputProperties"`
	RequiredInputs  []string            `json:"requiredInputs"`
}

// Function is one data source.
type Function struct {
	Inputs  Object `json:"inputs"`
	Outputs Object `json:"outputs"`
}

// Object is a set of named properties, or an enumeration of a plain type.
type Object struct {
	Type       string              `json:"type"`
	Properties map[string]Property `json:"properties"`
}

// Property is a property with its type.
type Property struct {
	Type
	Secret bool `json:"secret"`
}

// Type is a plain type, a reference to a named one, an array, a map or a choice.
type Type struct {
	Type                 string `json:"type"`
	Ref                  string `json:"$ref"`
	Items                *Type  `json:"items"`
	AdditionalProperties *Type  `json:"additionalProperties"`
	OneOf                []Type `json:"oneOf"`
}

// ParseSchema reads a schema as a plugin reports it.
func ParseSchema(text []byte) (*Schema, error) {
	var s Schema
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading the provider's schema: %w", err)
	}
	if len(s.Resources) == 0 {
		return nil, fmt.Errorf("reading the provider's schema: it has no resources")
	}
	return &s, nil
}

// shape resolves a type of the schema.
func (s *Schema) shape(t Type) shape {
	switch {
	case len(t.OneOf) > 0:
		return s.shape(t.OneOf[0]) // the others are richer forms of the same value
	case t.Ref == "pulumi.json#/Asset" || t.Ref == "pulumi.json#/Archive":
		return shape{kind: asset}
	case t.Ref == "pulumi.json#/Any":
		return shape{kind: anything}
	case strings.HasPrefix(t.Ref, "#/types/"):
		return s.named(strings.TrimPrefix(t.Ref, "#/types/"))
	case t.Ref != "":
		return shape{kind: anything, name: t.Ref}
	case t.Type == "array" && t.Items != nil:
		return shape{kind: list, element: func() shape { return s.shape(*t.Items) }}
	case t.Type == "object":
		element := Type{Type: "string"}
		if t.AdditionalProperties != nil {
			element = *t.AdditionalProperties
		}
		return shape{kind: dictionary, element: func() shape { return s.shape(element) }}
	case t.Type == "integer":
		return shape{kind: number} // the same on the wire
	default:
		return shape{kind: kind(t.Type)}
	}
}

func (s *Schema) named(token string) shape {
	object, ok := s.Types[token]
	if !ok {
		return shape{kind: kind("missing type " + token)}
	}
	if object.Type != "object" {
		return shape{kind: kind(object.Type), name: token}
	}
	return shape{kind: structure, name: token, fields: func() map[string]shape { return s.shapes(object.Properties) }}
}

func (s *Schema) shapes(properties map[string]Property) map[string]shape {
	out := map[string]shape{}
	for name, property := range properties {
		out[name] = s.shape(property.Type)
	}
	return out
}

// secrets names the properties that are secret.
func secrets(properties map[string]Property) []string {
	var names []string
	for name, property := range properties {
		if property.Secret {
			names = append(names, name)
		}
	}
	return names
}
