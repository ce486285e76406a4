package contract

import (
	"fmt"
	"maps"
	"slices"
)

// kind is what a value is, as far as its wire form goes.
type kind string

// The kinds of both sides. Plain ones are named as schemas name them: string, boolean, number.
const (
	anything   kind = "any"
	asset      kind = "asset"
	dictionary kind = "map"
	list       kind = "array"
	number     kind = "number"
	structure  kind = "object"
)

// shape is a type of either side. What is inside is resolved when asked for: types can be recursive.
type shape struct {
	kind    kind
	name    string                  // of a structure
	element func() shape            // of a list or map
	fields  func() map[string]shape // of a structure
}

// comparison collects the differences between two sides. A pair of named structures is compared once.
type comparison struct {
	seen        map[[2]string]bool
	within      []string // the SDK's structures around the one that is being compared
	differences []string
}

func newComparison() *comparison { return &comparison{seen: map[[2]string]bool{}} }

func (c *comparison) differ(path, format string, arguments ...any) {
	c.differences = append(c.differences, path+": "+fmt.Sprintf(format, arguments...))
}

// properties compares two sets of named properties.
func (c *comparison) properties(path string, sdk, provider map[string]shape) {
	for _, name := range slices.Sorted(maps.Keys(sdk)) {
		if _, ok := provider[name]; !ok {
			if !c.recursive() {
				c.differ(path+"."+name, "the SDK has it, the provider does not")
			}
			continue
		}
		c.types(path+"."+name, sdk[name], provider[name])
	}
	for _, name := range slices.Sorted(maps.Keys(provider)) {
		if _, ok := sdk[name]; !ok {
			c.differ(path+"."+name, "the provider has it, the SDK does not")
		}
	}
}

// types compares two types.
func (c *comparison) types(path string, sdk, provider shape) {
	if sdk.kind == anything || provider.kind == anything {
		return // a choice of types, which Go's SDK cannot say
	}
	if sdk.kind != provider.kind {
		c.differ(path, "the SDK has %s, the provider %s", sdk.kind, provider.kind)
		return
	}
	switch sdk.kind {
	case list, dictionary:
		c.types(path+"[]", sdk.element(), provider.element())
	case structure:
		pair := [2]string{sdk.name, provider.name}
		if !c.seen[pair] {
			c.seen[pair] = true
			c.within = append(c.within, sdk.name)
			c.properties(path, sdk.fields(), provider.fields())
			c.within = c.within[:len(c.within)-1]
		}
	}
}

// recursive says whether the structure being compared is inside another of its own type. The SDK makes such types of
// what Terraform's schema, and so the official plugin too, allows to a certain depth only (statements of WAF rules).
func (c *comparison) recursive() bool {
	if len(c.within) == 0 {
		return false
	}
	last := len(c.within) - 1
	return slices.Contains(c.within[:last], c.within[last])
}

// names compares two sets of names, such as the required ones.
func (c *comparison) names(path, what string, sdk, provider []string) {
	for _, name := range sdk {
		if !slices.Contains(provider, name) {
			c.differ(path+"."+name, "%s in the SDK, not in the provider", what)
		}
	}
	for _, name := range provider {
		if !slices.Contains(sdk, name) {
			c.differ(path+"."+name, "%s in the provider, not in the SDK", what)
		}
	}
}
