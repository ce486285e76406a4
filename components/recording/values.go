package recording

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Value returns an input as plain data (nil, bool, float64, string, []any or
// map[string]any) with secrets laid open. The path walks into objects by name
// and into lists by number, separated by dots.
func (r Resource) Value(path string) any {
	value := any(r.Plain())
	for _, step := range strings.Split(path, ".") {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			var index int
			if _, err := fmt.Sscanf(step, "%d", &index); err != nil || index >= len(at) {
				return nil
			}
			value = at[index]
		default:
			return nil
		}
	}
	return value
}

// Plain returns all inputs as plain data, as Value does.
func (r Resource) Plain() map[string]any { return plainMap(r.Inputs) }

// Secret says whether an input is kept secret.
func (r Resource) Secret(name string) bool {
	return r.Inputs[resource.PropertyKey(name)].ContainsSecrets()
}

func plainMap(properties resource.PropertyMap) map[string]any {
	out := map[string]any{}
	for key, value := range properties {
		out[string(key)] = plain(value)
	}
	return out
}

func plain(value resource.PropertyValue) any {
	switch {
	case value.IsSecret():
		return plain(value.SecretValue().Element)
	case value.IsOutput():
		return plain(value.OutputValue().Element)
	case value.IsObject():
		return plainMap(value.ObjectValue())
	case value.IsArray():
		items := []any{}
		for _, item := range value.ArrayValue() {
			items = append(items, plain(item))
		}
		return items
	case value.IsComputed():
		return Unknown
	case value.IsAsset():
		return value.AssetValue().Path
	}
	return value.V
}

// Unknown stands for what a preview does not know yet.
const Unknown = "<unknown>"
