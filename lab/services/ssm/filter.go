package ssm

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"haven/lab/cloud"
)

// passes tells whether a parameter passes all filters
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html).
func (p *parameter) passes(filters []types.ParameterStringFilter) (bool, error) {
	for _, filter := range filters {
		passes, err := p.pass(filter)
		if err != nil || !passes {
			return false, err
		}
	}
	return true, nil
}

func (p *parameter) pass(filter types.ParameterStringFilter) (bool, error) {
	key, option := aws.ToString(filter.Key), aws.ToString(filter.Option)
	oneOf := func(fits func(want string) bool) (bool, error) { return slices.ContainsFunc(filter.Values, fits), nil }
	equals := func(have string) (bool, error) {
		if option != "" && option != "Equals" {
			return false, badOption(key, option)
		}
		return oneOf(func(want string) bool { return want == have })
	}
	switch {
	case key == "Name":
		return p.passName(option, filter.Values)
	case key == "Type":
		return equals(string(p.Type))
	case key == "Tier":
		return equals(string(p.Tier))
	case key == "DataType":
		return equals(p.DataType)
	case key == "KeyId":
		return equals(p.latest().KeyID)
	case key == "Label":
		return oneOf(func(want string) bool {
			return slices.ContainsFunc(p.Versions, func(v version) bool { return slices.Contains(v.Labels, want) })
		})
	case key == "Path":
		if option != "" && option != "OneLevel" && option != "Recursive" {
			return false, badOption(key, option)
		}
		return oneOf(func(want string) bool { return below(p.Name, want, option == "Recursive") })
	case strings.HasPrefix(key, "tag:"):
		return p.passTag(strings.TrimPrefix(key, "tag:"), filter.Values), nil
	}
	return false, cloud.Errorf("InvalidFilterKey", "The filter key %s is not valid, as far as the lab knows.", key)
}

func badOption(key, option string) error {
	return cloud.Errorf("InvalidFilterOption", "The filter option %s is not valid for %s.", option, key)
}

func (p *parameter) passName(option string, values []string) (bool, error) {
	var fits func(have, want string) bool
	switch option {
	case "", "Equals":
		fits = func(have, want string) bool { return strings.TrimPrefix(have, "/") == strings.TrimPrefix(want, "/") }
	case "BeginsWith":
		fits = strings.HasPrefix
	case "Contains":
		fits = strings.Contains
	default:
		return false, badOption("Name", option)
	}
	return slices.ContainsFunc(values, func(want string) bool { return fits(p.Name, want) }), nil
}

func (p *parameter) passTag(key string, values []string) bool {
	return slices.ContainsFunc(p.Tags, func(tag types.Tag) bool {
		return aws.ToString(tag.Key) == key && (len(values) == 0 || slices.Contains(values, aws.ToString(tag.Value)))
	})
}
