package rule_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/cloudwatch/rule"
)

var now = map[string]types.StateValue{
	"a": types.StateValueAlarm, "b": types.StateValueAlarm, "o": types.StateValueOk, "i": types.StateValueInsufficientData,
	"with space": types.StateValueAlarm, `q"(x)`: types.StateValueAlarm,
	"arn:aws:cloudwatch:us-east-1:000000000000:alarm:a": types.StateValueAlarm,
}

func states(alarm string) types.StateValue { return now[alarm] }

func TestRules(t *testing.T) {
	for text, want := range map[string]bool{
		`ALARM(a)`: true, `alarm("a")`: true, `OK(a)`: false, `INSUFFICIENT_DATA(i)`: true, `TRUE`: true, `FALSE`: false,
		`ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)`: true,
		`ALARM(with space)`: true, `ALARM("with space")`: true, `ALARM("q\"(x)")`: true,
		`ALARM(a) AND OK(o)`: true, `ALARM(a) and NOT OK(o)`: false, `NOT ALARM(o) OR FALSE`: true,
		`TRUE OR TRUE AND FALSE`:                 true, // AND binds closer
		`(TRUE OR TRUE) AND FALSE`:               false,
		`NOT FALSE AND FALSE`:                    false, // NOT binds closest
		`NOT (FALSE AND FALSE)`:                  true,
		`AT_LEAST(2, ALARM, (a, b, o))`:          true,
		`AT_LEAST(3, ALARM, (a, b, o))`:          false,
		`AT_LEAST(66%, ALARM, (a, b, o))`:        true,
		`AT_LEAST(67%, ALARM, (a, b, o))`:        false,
		`AT_LEAST(1, NOT OK, ("a", o)) AND TRUE`: true,
	} {
		parsed, err := rule.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, parsed.Holds(states), text)
	}
}

func TestBadRulesAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "ALARM", "ALARM(", "ALARM()", "ALARM(a", `ALARM("a)`, "ALARM(a) ALARM(b)", "AND ALARM(a)", "ALARM(a) OR", "(TRUE", "TRUE)", "MAYBE(a)",
		"AT_LEAST(0, ALARM, (a))", "AT_LEAST(2, ALARM, (a))", "AT_LEAST(x, ALARM, (a))", "AT_LEAST(1, BAD, (a))", "AT_LEAST(1, ALARM, a)", "AT_LEAST(101%, OK, (a))",
		strings.Repeat("(", 200) + "TRUE" + strings.Repeat(")", 200), "TRUE" + strings.Repeat(" OR TRUE", 600),
	} {
		_, err := rule.Parse(text)
		assert.Error(t, err, text)
	}
}

func TestARuleKnowsItsAlarms(t *testing.T) {
	parsed, err := rule.Parse(`ALARM(a) AND (ALARM(o) OR NOT ALARM(i)) OR AT_LEAST(1, OK, (a, o))`)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "o", "i"}, parsed.Alarms())
	assert.Equal(t, []string{"a", "o", "i"}, parsed.Deciding(states))
}

func FuzzParse(f *testing.F) {
	f.Add(`ALARM("a") AND (NOT OK(b) OR AT_LEAST(50%, NOT ALARM, (c, d)))`)
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, err := rule.Parse(text); err == nil {
			parsed.Holds(states)
			parsed.Deciding(states)
		}
	})
}
