package elasticloadbalancingv2

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/balancer"
)

// maxConditionValues is the number of values that all conditions of a rule can have together
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const maxConditionValues = 5

var (
	methodForm     = regexp.MustCompile(`^[A-Z_-]{1,40}$`)
	headerNameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)
)

func checkText(what, value string, most int) error {
	if len(value) > most {
		return invalid("%s '%s' can have %d characters", what, value, most)
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return invalid("%s %q has a control character", what, value)
	}
	return nil
}

// checkConditions checks a rule's conditions and returns them as AWS gives them back: host and path values in both of
// their places.
func checkConditions(conditions []types.RuleCondition) ([]types.RuleCondition, error) {
	if len(conditions) == 0 {
		return nil, invalid("A condition must be specified")
	}
	var full []types.RuleCondition
	values := 0
	single := map[string]bool{}
	for _, condition := range conditions {
		if len(condition.RegexValues) > 0 || regexOf(condition) {
			return nil, unsupported("RegexValues in rule conditions; it has Values with * and ?")
		}
		field := aws.ToString(condition.Field)
		if single[field] && field != balancer.FieldHeader && field != balancer.FieldQuery {
			return nil, cloud.Errorf(codeConfig, "A rule can have one condition with the field '%s'", field)
		}
		single[field] = true
		normal, count, err := normalCondition(condition)
		if err != nil {
			return nil, err
		}
		values += count
		full = append(full, normal)
	}
	if values > maxConditionValues {
		return nil, cloud.Errorf(codeInvalid, "A rule can have %d condition values", maxConditionValues)
	}
	return full, nil
}

func regexOf(c types.RuleCondition) bool {
	return c.HostHeaderConfig != nil && len(c.HostHeaderConfig.RegexValues) > 0 ||
		c.PathPatternConfig != nil && len(c.PathPatternConfig.RegexValues) > 0 ||
		c.HttpHeaderConfig != nil && len(c.HttpHeaderConfig.RegexValues) > 0
}

func normalCondition(c types.RuleCondition) (types.RuleCondition, int, error) {
	field := aws.ToString(c.Field)
	normal := types.RuleCondition{Field: c.Field}
	values := c.Values
	switch field {
	case balancer.FieldHost:
		if c.HostHeaderConfig != nil {
			values = c.HostHeaderConfig.Values
		}
		normal.Values, normal.HostHeaderConfig = values, &types.HostHeaderConditionConfig{Values: values}
	case balancer.FieldPath:
		if c.PathPatternConfig != nil {
			values = c.PathPatternConfig.Values
		}
		normal.Values, normal.PathPatternConfig = values, &types.PathPatternConditionConfig{Values: values}
	case balancer.FieldHeader:
		if c.HttpHeaderConfig == nil || !headerNameForm.MatchString(aws.ToString(c.HttpHeaderConfig.HttpHeaderName)) {
			return normal, 0, invalid("An http-header condition needs an HttpHeaderName of up to 40 letters, digits, dots, hyphens and underscores")
		}
		values, normal.HttpHeaderConfig = c.HttpHeaderConfig.Values, c.HttpHeaderConfig
	case balancer.FieldMethod:
		if c.HttpRequestMethodConfig == nil {
			return normal, 0, invalid("An http-request-method condition needs an HttpRequestMethodConfig")
		}
		values, normal.HttpRequestMethodConfig = c.HttpRequestMethodConfig.Values, c.HttpRequestMethodConfig
	case balancer.FieldQuery:
		if c.QueryStringConfig == nil {
			return normal, 0, invalid("A query-string condition needs a QueryStringConfig")
		}
		normal.QueryStringConfig = c.QueryStringConfig
		return normal, len(c.QueryStringConfig.Values), checkPairs(c.QueryStringConfig.Values)
	case balancer.FieldSourceIP:
		if c.SourceIpConfig == nil {
			return normal, 0, invalid("A source-ip condition needs a SourceIpConfig")
		}
		values, normal.SourceIpConfig = c.SourceIpConfig.Values, c.SourceIpConfig
	default:
		return normal, 0, invalid("Condition field '%s' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'", field)
	}
	return normal, len(values), checkValues(field, values)
}

func checkPairs(pairs []types.QueryStringKeyValuePair) error {
	if len(pairs) == 0 {
		return invalid("A query-string condition needs a value")
	}
	for _, pair := range pairs {
		if err := checkText("Query string value", aws.ToString(pair.Key)+aws.ToString(pair.Value), 128); err != nil {
			return err
		}
	}
	return nil
}

func checkValues(field string, values []string) error {
	if len(values) == 0 {
		return invalid("A condition value must be specified for the field '%s'", field)
	}
	for _, value := range values {
		if err := checkText("Condition value", value, 128); err != nil {
			return err
		}
		switch field {
		case balancer.FieldMethod:
			if !methodForm.MatchString(value) {
				return invalid("The request method '%s' can have 40 characters A-Z, hyphen and underscore", value)
			}
		case balancer.FieldSourceIP:
			if _, err := netip.ParsePrefix(value); err != nil {
				return invalid("The source IP '%s' is not a valid CIDR block", value)
			}
		}
	}
	return nil
}
