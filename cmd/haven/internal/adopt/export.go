// Package adopt takes back what a killed Pulumi had begun to create. Such a resource is in the cloud, but the stack's
// state has only a pending operation without its id. This package finds the id and completes the state.
//
// It edits the state itself, and does not pass the ids to "pulumi refresh --import-pending-creates": the engine marks
// such an operation as "importing" and then drops it without a read. The edited state also keeps the inputs with the
// names that Pulumi generated, so that the next update does not replace the resource under another name.
package adopt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Export is a stack's state as "pulumi stack export" writes it. What this package does not know it keeps unchanged.
type Export struct {
	document, deployment map[string]any
}

// Pending is a resource whose creation was begun, and whose outcome Pulumi does not know.
type Pending struct {
	URN, Type string
	Inputs    Inputs
}

// Parse reads an export.
func Parse(raw []byte) (*Export, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	e := &Export{}
	if err := decoder.Decode(&e.document); err != nil {
		return nil, fmt.Errorf("parsing the exported state: %w", err)
	}
	var ok bool
	if e.deployment, ok = e.document["deployment"].(map[string]any); !ok {
		return nil, fmt.Errorf("parsing the exported state: it has no deployment")
	}
	return e, nil
}

// Encode returns the state in the form that "pulumi stack import" reads.
func (e *Export) Encode() ([]byte, error) { return json.Marshal(e.document) }

// Creates are the pending creations.
func (e *Export) Creates() []Pending {
	var all []Pending
	for _, operation := range objects(e.deployment["pending_operations"]) {
		if resource, ok := created(operation); ok {
			inputs, _ := resource["inputs"].(map[string]any)
			at := Inputs(resource)
			all = append(all, Pending{at.Text("urn"), at.Text("type"), inputs})
		}
	}
	return all
}

// unread is the initialization error of what was adopted: a refresh, which reads it, takes it away. Pulumi forgets pending operations
// when a state is imported, but not this.
const unread = "adopted, and not yet read; type: haven adopt"

// Interrupted tells whether the state has operations whose outcome nobody wrote down, or what was adopted and never read.
func (e *Export) Interrupted() bool {
	return len(objects(e.deployment["pending_operations"])) > 0 || slices.ContainsFunc(objects(e.deployment["resources"]), func(resource map[string]any) bool {
		errs, _ := resource["initErrors"].([]any)
		return slices.Contains(errs, any(unread))
	})
}

// IDs returns the ids of what the state has, without what was deleted to be replaced.
func (e *Export) IDs() map[string]bool {
	ids := map[string]bool{}
	for _, resource := range objects(e.deployment["resources"]) {
		if !deleted(resource) {
			ids[Inputs(resource).Text("id")] = true
		}
	}
	return ids
}

// Region returns the region of the stack's AWS provider.
func (e *Export) Region() string {
	for _, resource := range objects(e.deployment["resources"]) {
		if inputs, ok := resource["inputs"].(map[string]any); ok && resource["type"] == "pulumi:providers:aws" {
			if region := Inputs(inputs).Text("region"); region != "" {
				return region
			}
		}
	}
	return ""
}

// Complete moves each pending creation with an id in found, by URN, to the resources, and forgets the others.
func (e *Export) Complete(found map[string]string) {
	kept := []any{}
	for _, operation := range objects(e.deployment["pending_operations"]) {
		resource, ok := created(operation)
		if !ok {
			kept = append(kept, operation)
			continue
		}
		if id := found[Inputs(resource).Text("urn")]; id != "" {
			e.put(complete(resource, id))
		}
	}
	e.deployment["pending_operations"] = kept
}

// put gives the state a resource. One that it replaces is left to be deleted, as Pulumi does, or is gone already; the new one takes its
// place in the order, which is one of dependencies.
func (e *Export) put(resource map[string]any) {
	resources, _ := e.deployment["resources"].([]any)
	urn := Inputs(resource).Text("urn")
	at := slices.IndexFunc(resources, func(one any) bool {
		old, ok := one.(map[string]any)
		return ok && Inputs(old).Text("urn") == urn && old["delete"] != true
	})
	switch {
	case at < 0:
		resources = append(resources, resource)
	default:
		old, _ := resources[at].(map[string]any)
		resources[at] = resource
		if !deleted(old) {
			old["delete"] = true
			resources = append(resources, old)
		}
	}
	e.deployment["resources"] = resources
}

// deleted tells whether a resource was deleted before what is to replace it was created.
func deleted(resource map[string]any) bool { return resource["pendingReplacement"] == true }

// complete gives a resource its id. Its inputs stand for its outputs until a refresh has read them: some resources,
// such as routes, are read by their properties, not by their id.
func complete(resource map[string]any, id string) map[string]any {
	inputs, _ := resource["inputs"].(map[string]any)
	outputs, _ := withoutDefaults(inputs).(map[string]any)
	if outputs == nil {
		outputs = map[string]any{}
	}
	outputs["id"] = id
	resource = maps.Clone(resource)
	resource["id"], resource["outputs"], resource["initErrors"] = id, outputs, []any{unread}
	return resource
}

// withoutDefaults copies a value without the lists of defaulted properties, which only inputs have.
func withoutDefaults(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, inner := range value {
			if key != "__defaults" {
				out[key] = withoutDefaults(inner)
			}
		}
		return out
	case []any:
		out := slices.Clone(value)
		for i := range out {
			out[i] = withoutDefaults(out[i])
		}
		return out
	default:
		return value
	}
}

func created(operation map[string]any) (map[string]any, bool) {
	resource, ok := operation["resource"].(map[string]any)
	return resource, ok && operation["type"] == "creating"
}

func objects(list any) []map[string]any {
	var all []map[string]any
	items, _ := list.([]any)
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}

// Inputs are a resource's properties as the state holds them.
type Inputs map[string]any

// Text returns a property of one word, number or truth value as text, and "" when there is none.
func (in Inputs) Text(key string) string {
	switch value := in[key].(type) {
	case string:
		return value
	case json.Number, bool:
		return fmt.Sprint(value)
	default:
		return ""
	}
}

// Name returns the value of the tag Name.
func (in Inputs) Name() string {
	for _, key := range []string{"tags", "tagsAll"} {
		if tags, ok := in[key].(map[string]any); ok && Inputs(tags).Text("Name") != "" {
			return Inputs(tags).Text("Name")
		}
	}
	return ""
}
