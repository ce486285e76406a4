package ec2

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// maxFilterValues is the most values that one filter takes
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
const maxFilterValues = 200

// filterSet is what a resource can be filtered by: each filter's name with the values that the resource has for
// it. A resource passes a filter when one of its values matches one of the filter's.
type filterSet[T any] struct {
	tags  func(*T) []types.Tag // nil: the resource has none
	named map[string]func(*T) []string
}

// check refuses filters that the resource does not have, by name.
func (set filterSet[T]) check(filters []types.Filter) error {
	for _, filter := range filters {
		name := aws.ToString(filter.Name)
		if len(filter.Values) > maxFilterValues {
			return cloud.Errorf("FilterLimitExceeded",
				"The maximum number of filter values specified on a single call is %d", maxFilterValues)
		}
		if set.tags != nil && (name == "tag-key" || name == "tag-value" || strings.HasPrefix(name, "tag:")) {
			continue
		}
		if set.named[name] == nil {
			return cloud.Errorf("InvalidParameterValue", "The filter '%s' is invalid: either AWS has no such filter here, or the lab lacks it", name)
		}
	}
	return nil
}

// accepts tells whether the resource passes every filter.
func (set filterSet[T]) accepts(item *T, filters []types.Filter) bool {
	for _, filter := range filters {
		values := set.values(item, aws.ToString(filter.Name))
		if !slices.ContainsFunc(values, func(value string) bool { return matchesAny(filter.Values, value) }) {
			return false
		}
	}
	return true
}

func (set filterSet[T]) values(item *T, name string) []string {
	if accessor := set.named[name]; accessor != nil {
		return accessor(item)
	}
	var values []string
	wanted, byKey := strings.CutPrefix(name, "tag:")
	for _, tag := range set.tags(item) {
		switch {
		case name == "tag-key":
			values = append(values, aws.ToString(tag.Key))
		case name == "tag-value" || byKey && aws.ToString(tag.Key) == wanted:
			values = append(values, aws.ToString(tag.Value))
		}
	}
	return values
}

func matchesAny(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return wildcard(pattern, value) })
}

// wildcard matches as EC2's filters do: "*" stands for zero or more characters, "?" for zero or one, and a
// backslash takes what follows as it is.
func wildcard(pattern, value string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == value
	}
	p, v := []rune(pattern), []rune(value)
	reach := make([]bool, len(v)+1) // reach[i]: the pattern so far can end before v[i]
	reach[0] = true
	for i := 0; i < len(p); i++ {
		literal := p[i]
		escaped := literal == '\\' && i+1 < len(p)
		if escaped {
			i++
			literal = p[i]
		}
		reach = step(reach, v, literal, escaped)
	}
	return reach[len(v)]
}

// step advances the reachable positions over one element of the pattern.
func step(reach []bool, value []rune, element rune, escaped bool) []bool {
	next := make([]bool, len(reach))
	for i := range reach {
		switch {
		case element == '*' && !escaped:
			next[i] = reach[i] || i > 0 && next[i-1]
		case element == '?' && !escaped:
			next[i] = reach[i] || i > 0 && reach[i-1]
		default:
			next[i] = i > 0 && reach[i-1] && value[i-1] == element
		}
	}
	return next
}

// Accessors for filterSet.

func text(value *string) []string {
	if value == nil {
		return nil
	}
	return []string{*value}
}

func flag(value *bool) []string { return []string{strconv.FormatBool(aws.ToBool(value))} }

func number(value *int32) []string {
	if value == nil {
		return nil
	}
	return []string{strconv.Itoa(int(*value))}
}

func moment(value *time.Time) []string {
	if value == nil {
		return nil
	}
	return []string{value.UTC().Format("2006-01-02T15:04:05.000Z")}
}

// each collects the values of a list's elements.
func each[E any](list []E, values func(E) []string) []string {
	var all []string
	for _, element := range list {
		all = append(all, values(element)...)
	}
	return all
}
