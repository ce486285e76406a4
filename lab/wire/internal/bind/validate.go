package bind

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Violation is a value that does not satisfy its model.
type Violation struct {
	Path       string // such as "Tags.1.Key"
	Value      string // the value, where it can be told
	Missing    bool
	Constraint string // what the value should be, as AWS puts it: "Member must not be null"
}

// Sentence tells the violation as most of AWS's services do.
func (v *Violation) Sentence() string {
	value := "Value"
	if v.Missing {
		value = "Value null"
	} else if v.Value != "" {
		value = "Value '" + v.Value + "'"
	}
	return fmt.Sprintf("1 validation error detected: %s at '%s' failed to satisfy constraint: %s", value, v.Path, v.Constraint)
}

// Validate checks a settled value: required members, enumerations, lengths and ranges. Patterns are left to the
// handlers: the published ones are written for another dialect of expressions, and some are known to be wrong.
func Validate(node *Node, v reflect.Value) *Violation { return validate(&Field{Node: node}, v, "") }

func validate(f *Field, v reflect.Value, path string) *Violation {
	switch f.Kind {
	case Structure:
		return validateFields(f, v, path)
	case List:
		return validateElements(f, v, path)
	case Map:
		return validateEntries(f, v, path)
	case String:
		return validateString(f, v, path)
	case Integer:
		return f.bounded(path, fmt.Sprint(v.Int()), float64(v.Int()), "value")
	case Float:
		return f.bounded(path, fmt.Sprint(v.Float()), v.Float(), "value")
	case Blob:
		return f.bounded(path, "", float64(v.Len()), "length")
	}
	return nil
}

func validateFields(f *Field, v reflect.Value, path string) *Violation {
	for _, field := range f.Fields {
		at := strings.TrimPrefix(path+"."+field.Member, ".")
		value, ok := Present(v.Field(field.Index))
		if !ok && field.Required && v.Field(field.Index).Kind() != reflect.Interface { // an empty body is a body
			return &Violation{Path: at, Missing: true, Constraint: "Member must not be null"}
		}
		if !ok {
			continue
		}
		if violation := validate(field, value, at); violation != nil {
			return violation
		}
	}
	return nil
}

func validateElements(f *Field, v reflect.Value, path string) *Violation {
	if violation := f.bounded(path, "", float64(v.Len()), "length"); violation != nil {
		return violation
	}
	for i := range v.Len() {
		value, ok := Present(v.Index(i))
		if !ok {
			continue
		}
		if violation := validate(f.Elem, value, fmt.Sprintf("%s.%d", path, i+1)); violation != nil {
			return violation
		}
	}
	return nil
}

func validateEntries(f *Field, v reflect.Value, path string) *Violation {
	if violation := f.bounded(path, "", float64(v.Len()), "length"); violation != nil {
		return violation
	}
	for entries := v.MapRange(); entries.Next(); {
		at := path + "." + entries.Key().String()
		if violation := validate(f.Key, entries.Key(), at); violation != nil {
			return violation
		}
		if value, ok := Present(entries.Value()); ok {
			if violation := validate(f.Elem, value, at); violation != nil {
				return violation
			}
		}
	}
	return nil
}

func validateString(f *Field, v reflect.Value, path string) *Violation {
	if f.Enum != nil && !f.Enum[v.String()] {
		return &Violation{Path: path, Value: v.String(), Constraint: "Member must satisfy enum value set: [" +
			strings.Join(shorten(slices.Sorted(maps.Keys(f.Enum))), ", ") + "]"}
	}
	value := v.String()
	if f.Shape.Sensitive {
		value = ""
	}
	return f.bounded(path, value, float64(utf8.RuneCountInString(v.String())), "length")
}

// shorten keeps an error readable where an enumeration is as long as EC2's instance types.
func shorten(values []string) []string {
	if len(values) <= 40 {
		return values
	}
	return append(values[:40:40], fmt.Sprintf("and %d more", len(values)-40))
}

func (f *Field) bounded(path, value string, size float64, what string) *Violation {
	if low := f.Shape.Min; low != nil && size < *low {
		return &Violation{Path: path, Value: value, Constraint: fmt.Sprintf("Member must have %s greater than or equal to %v", what, *low)}
	}
	if high := f.Shape.Max; high != nil && size > *high {
		if len(value) > 100 {
			value = value[:100] + "…"
		}
		return &Violation{Path: path, Value: value, Constraint: fmt.Sprintf("Member must have %s less than or equal to %v", what, *high)}
	}
	return nil
}
