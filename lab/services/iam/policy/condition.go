package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operators compare one value of the request with one of the policy. Source:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]func(have, want string) bool{
	"StringEquals":             func(have, want string) bool { return have == want },
	"StringEqualsIgnoreCase":   strings.EqualFold,
	"StringLike":               func(have, want string) bool { return Match(want, have) },
	"ArnEquals":                matchARN,
	"ArnLike":                  matchARN,
	"Bool":                     strings.EqualFold,
	"IpAddress":                inRange,
	"NumericEquals":            number(func(order int) bool { return order == 0 }),
	"NumericLessThan":          number(func(order int) bool { return order < 0 }),
	"NumericLessThanEquals":    number(func(order int) bool { return order <= 0 }),
	"NumericGreaterThan":       number(func(order int) bool { return order > 0 }),
	"NumericGreaterThanEquals": number(func(order int) bool { return order >= 0 }),
	"DateEquals":               date(func(order int) bool { return order == 0 }),
	"DateLessThan":             date(func(order int) bool { return order < 0 }),
	"DateLessThanEquals":       date(func(order int) bool { return order <= 0 }),
	"DateGreaterThan":          date(func(order int) bool { return order > 0 }),
	"DateGreaterThanEquals":    date(func(order int) bool { return order >= 0 }),
}

// negated are the operators that are the opposite of another.
var negated = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike", "NotIpAddress": "IpAddress",
	"NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals",
}

// conditions tells whether all of a statement's conditions hold.
func (s *Statement) conditions(context map[string][]string) bool {
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			holds, known := condition(operator, context[strings.ToLower(key)], wanted, context)
			if !known {
				holds = s.Effect == Deny
			}
			if !holds {
				return false
			}
		}
	}
	return true
}

func condition(operator string, have []string, wanted Strings, context map[string][]string) (holds, known bool) {
	if operator == "Null" {
		return len(wanted) == 1 && strings.EqualFold(wanted[0], strconv.FormatBool(len(have) == 0)), true
	}
	set, operator := cutSet(operator)
	operator, ifExists := strings.CutSuffix(operator, "IfExists")
	base, negative := negated[operator]
	if !negative {
		base = operator
	}
	compare := operators[base]
	if compare == nil {
		return false, false
	}
	if len(have) == 0 {
		return ifExists || negative || set == "ForAllValues", true
	}
	fits := func(value string) bool {
		one := slices.ContainsFunc(wanted, func(want string) bool {
			want, ok := substitute(want, context)
			return ok && compare(value, want)
		})
		return one != negative
	}
	if set == "ForAllValues" || set == "" && negative {
		return !slices.ContainsFunc(have, func(value string) bool { return !fits(value) }), true
	}
	return slices.ContainsFunc(have, fits), true
}

func cutSet(operator string) (set, rest string) {
	if before, after, found := strings.Cut(operator, ":"); found {
		return before, after
	}
	return "", operator
}

// matchARN compares ARNs part by part, so that a * does not reach over a colon.
func matchARN(have, want string) bool {
	haves, wants := strings.SplitN(have, ":", 6), strings.SplitN(want, ":", 6)
	if len(haves) != len(wants) {
		return false
	}
	for i := range haves {
		if !Match(wants[i], haves[i]) {
			return false
		}
	}
	return true
}

func inRange(have, want string) bool {
	address, err := netip.ParseAddr(have)
	if err != nil {
		return false
	}
	if prefix, err := netip.ParsePrefix(want); err == nil {
		return prefix.Contains(address.Unmap())
	}
	single, err := netip.ParseAddr(want)
	return err == nil && single == address.Unmap()
}

func number(fits func(order int) bool) func(have, want string) bool {
	return func(have, want string) bool {
		a, errA := strconv.ParseFloat(have, 64)
		b, errB := strconv.ParseFloat(want, 64)
		switch {
		case errA != nil || errB != nil:
			return false
		case a < b:
			return fits(-1)
		case a > b:
			return fits(1)
		}
		return fits(0)
	}
}

func date(fits func(order int) bool) func(have, want string) bool {
	return func(have, want string) bool {
		a, okA := instant(have)
		b, okB := instant(want)
		return okA && okB && fits(a.Compare(b))
	}
}

func instant(text string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), true
	}
	parsed, err := time.Parse(time.RFC3339, text)
	return parsed, err == nil
}
