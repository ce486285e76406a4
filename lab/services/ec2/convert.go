package ec2

import (
	"bytes"
	"encoding/json"
	"reflect"

	"haven/lab/cloud"
)

// convert copies a structure of the API into one of another name with the same members, such as a request's into
// a response's. What is given and has no counterpart is refused.
func convert[T any](from any) (T, error) {
	var to T
	raw, err := json.Marshal(from)
	if err != nil {
		return to, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return to, err
	}
	if raw, err = json.Marshal(prune(tree)); err != nil {
		return to, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&to); err != nil {
		return to, cloud.Unsupportedf("UnsupportedOperation", "a parameter of %T: %v", from, err)
	}
	return to, nil
}

// prune takes out of a JSON tree what was not given: nulls and, for enumerations, empty strings.
func prune(tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			if value = prune(value); value == nil || value == "" {
				delete(node, key)
				continue
			}
			node[key] = value
		}
	case []any:
		for i := range node {
			node[i] = prune(node[i])
		}
	}
	return tree
}

// overlay sets those members of base that are given in over.
func overlay[T any](base, over *T) {
	from, to := reflect.ValueOf(over).Elem(), reflect.ValueOf(base).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() && !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}
