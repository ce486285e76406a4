package rds

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

func sortBy[T any](list []T, compare func(a, b T) int) { slices.SortStableFunc(list, compare) }

// or returns the value that a parameter points to, or the default.
func or[T any](value *T, standard T) T {
	if value == nil {
		return standard
	}
	return *value
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// identifierPattern is RDS's rule for identifiers: letters, digits and single hyphens, beginning with a letter.
var identifierPattern = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)

func checkIdentifier(parameter, value string) error {
	if len(value) > 63 || !identifierPattern.MatchString(value) {
		return cloud.Errorf("InvalidParameterValue", "The parameter %s is not a valid identifier. Identifiers must begin with a letter; "+
			"must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.", parameter)
	}
	return nil
}

// refuse returns the error for the first parameter that was given although the lab can't honour it.
func refuse(operation string, given map[string]bool) error {
	var names []string
	for name, set := range given {
		if set {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return cloud.Unsupportedf("InvalidParameterCombination", "the parameter %s of %s", strings.Join(names, ", "), operation)
}

// on tells whether a switch is set and true.
func on(value *bool) bool { return aws.ToBool(value) }

// filterNames checks filters against those that the operation knows and returns their values by name.
func filterNames(given []types.Filter, known ...string) (map[string][]string, error) {
	wanted := map[string][]string{}
	for _, filter := range given {
		name := aws.ToString(filter.Name)
		if !slices.Contains(known, name) {
			return nil, cloud.Errorf("InvalidParameterValue", "Unrecognized filter name: %s", name)
		}
		for _, value := range filter.Values {
			wanted[name] = append(wanted[name], value)
		}
	}
	return wanted, nil
}

// passes tells whether one of the values is wanted by the filter, or there is no such filter.
func passes(wanted map[string][]string, name string, values ...string) bool {
	list, ok := wanted[name]
	return !ok || slices.ContainsFunc(values, func(value string) bool { return slices.Contains(list, value) })
}

// page cuts one page of RDS's size out of a list.
func page[T any](all []T, key func(T) string, marker *string, most *int32) ([]T, *string, error) {
	limit := int(or(most, 100))
	if most != nil && (limit < 20 || limit > 100) {
		return nil, nil, cloud.Errorf("InvalidParameterValue", "Invalid value %d for MaxRecords. Must be between 20 and 100", limit)
	}
	items, next, err := cloud.Page(all, key, aws.ToString(marker), limit)
	return items, optional(next), err
}

func formatGiB(bytes int64) string { return fmt.Sprintf("%.2f GB", float64(bytes)/(1<<30)) }

// regionOf returns the region in an ARN.
func regionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}
