package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/iam/policy"
)

func document(t *testing.T, statements string) []*policy.Document {
	parsed, err := policy.Parse(`{"Version":"2012-10-17","Statement":[`+statements+`]}`, false)
	require.NoError(t, err)
	return []*policy.Document{parsed}
}

func TestDecisions(t *testing.T) {
	const allowGet = `{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}`
	for name, c := range map[string]struct {
		statements, action, resource string
		want                         policy.Decision
	}{
		"allowed":                     {allowGet, "s3:GetObject", "arn:aws:s3:::b/k", policy.Allowed},
		"actions ignore case":         {allowGet, "S3:getobject", "arn:aws:s3:::b/k", policy.Allowed},
		"resources do not":            {allowGet, "s3:GetObject", "arn:aws:s3:::B/k", policy.NotAllowed},
		"other action":                {allowGet, "s3:PutObject", "arn:aws:s3:::b/k", policy.NotAllowed},
		"other bucket":                {allowGet, "s3:GetObject", "arn:aws:s3:::bb/k", policy.NotAllowed},
		"deny goes first":             {allowGet + `,{"Effect":"Deny","Action":"*","Resource":"*/secret"}`, "s3:GetObject", "arn:aws:s3:::b/secret", policy.Denied},
		"deny of others":              {allowGet + `,{"Effect":"Deny","Action":"*","Resource":"*/secret"}`, "s3:GetObject", "arn:aws:s3:::b/k", policy.Allowed},
		"not action":                  {`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "s3:GetObject", "x", policy.Allowed},
		"not action, the other":       {`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "iam:GetRole", "x", policy.NotAllowed},
		"not resource":                {`{"Effect":"Allow","Action":"*","NotResource":"a*"}`, "s3:X", "b", policy.Allowed},
		"not resource, the other":     {`{"Effect":"Allow","Action":"*","NotResource":"a*"}`, "s3:X", "ab", policy.NotAllowed},
		"unknown operator, allow":     {`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"MoonPhase":{"a":"b"}}}`, "s3:X", "b", policy.NotAllowed},
		"unknown operator, deny":      {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"MoonPhase":{"a":"b"}}}`, "s3:X", "b", policy.Denied},
		"question mark":               {`{"Effect":"Allow","Action":"*","Resource":"secret-??"}`, "s3:X", "secret-ab", policy.Allowed},
		"question mark, longer":       {`{"Effect":"Allow","Action":"*","Resource":"secret-??"}`, "s3:X", "secret-abc", policy.NotAllowed},
		"variable":                    {`{"Effect":"Allow","Action":"*","Resource":"home/${aws:username}/*"}`, "s3:X", "home/ann/x", policy.Allowed},
		"unknown variable":            {`{"Effect":"Allow","Action":"*","Resource":"home/${aws:userid}/*"}`, "s3:X", "home/ann/x", policy.NotAllowed},
		"nothing":                     {`{"Effect":"Allow","Action":"a:b","Resource":"*"}`, "s3:X", "b", policy.NotAllowed},
		"several stars":               {`{"Effect":"Allow","Action":"*","Resource":"a*b*c"}`, "s3:X", "aXbXbXc", policy.Allowed},
		"several stars, no end":       {`{"Effect":"Allow","Action":"*","Resource":"a*b*c"}`, "s3:X", "aXbXbX", policy.NotAllowed},
		"an empty list matches never": {`{"Effect":"Allow","Action":[],"Resource":"*"}`, "s3:X", "b", policy.NotAllowed},
	} {
		got := policy.Evaluate(document(t, c.statements), policy.Question{
			Action: c.action, Resources: []string{c.resource}, Context: map[string][]string{"aws:username": {"ann"}},
		})
		assert.Equal(t, c.want, got, name)
	}
}

func TestConditions(t *testing.T) {
	context := map[string][]string{
		"a:text": {"Blue"}, "a:list": {"x", "y"}, "a:number": {"7"}, "a:flag": {"true"}, "a:ip": {"192.0.2.9"},
		"a:arn": {"arn:aws:iam::000000000000:role/web"}, "a:date": {"2026-01-02T03:04:05Z"},
	}
	for condition, want := range map[string]bool{
		`"StringEquals":{"a:text":"Blue"}`:                                true,
		`"StringEquals":{"A:TEXT":"Blue"}`:                                true,
		`"StringEquals":{"a:text":["Red","Blue"]}`:                        true,
		`"StringEquals":{"a:text":"blue"}`:                                false,
		`"StringEquals":{"a:none":"x"}`:                                   false,
		`"StringEqualsIfExists":{"a:none":"x"}`:                           true,
		`"StringEqualsIgnoreCase":{"a:text":"blue"}`:                      true,
		`"StringNotEquals":{"a:text":["Red","Blue"]}`:                     false,
		`"StringNotEquals":{"a:none":"x"}`:                                true,
		`"StringLike":{"a:text":"B*"}`:                                    true,
		`"StringNotLike":{"a:text":"B*"}`:                                 false,
		`"ForAnyValue:StringEquals":{"a:list":"y"}`:                       true,
		`"ForAllValues:StringEquals":{"a:list":"y"}`:                      false,
		`"ForAllValues:StringEquals":{"a:list":["x","y","z"]}`:            true,
		`"Bool":{"a:flag":true}`:                                          true,
		`"Bool":{"a:flag":"false"}`:                                       false,
		`"NumericLessThan":{"a:number":"8"}`:                              true,
		`"NumericGreaterThanEquals":{"a:number":8}`:                       false,
		`"NumericEquals":{"a:text":"7"}`:                                  false,
		`"IpAddress":{"a:ip":"192.0.2.0/24"}`:                             true,
		`"NotIpAddress":{"a:ip":"192.0.2.0/24"}`:                          false,
		`"ArnLike":{"a:arn":"arn:aws:iam::*:role/*"}`:                     true,
		`"ArnEquals":{"a:arn":"arn:aws:iam::*"}`:                          false,
		`"DateGreaterThan":{"a:date":"2026-01-01T00:00:00Z"}`:             true,
		`"DateLessThan":{"a:date":"2026-01-01T00:00:00Z"}`:                false,
		`"Null":{"a:none":"true"}`:                                        true,
		`"Null":{"a:text":"true"}`:                                        false,
		`"StringEquals":{"a:text":"Blue"},"NumericEquals":{"a:number":8}`: false,
	} {
		documents := document(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+condition+`}}`)
		got := policy.Evaluate(documents, policy.Question{Action: "a:b", Resources: []string{"r"}, Context: context})
		assert.Equal(t, want, got == policy.Allowed, condition)
	}
}

func TestPrincipals(t *testing.T) {
	parsed, err := policy.Parse(`{"Statement":{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com"],"AWS":"*"},"Action":"sts:AssumeRole"}}`, true)
	require.NoError(t, err)
	ask := func(kind, name string) policy.Decision {
		return policy.Evaluate([]*policy.Document{parsed}, policy.Question{Action: "sts:AssumeRole", Principals: map[string][]string{kind: {name}}})
	}
	assert.Equal(t, policy.Allowed, ask("Service", "ec2.amazonaws.com"))
	assert.Equal(t, policy.NotAllowed, ask("Service", "rds.amazonaws.com"))
	assert.Equal(t, policy.Allowed, ask("AWS", "anybody"))
}

// FuzzParse looks for documents that make the parser or the evaluation fall over.
func FuzzParse(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"${a}*","Condition":{"Bool":{"a":true}}}}`)
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":["*","?"],"NotResource":"${a:b","Condition":{"ForAnyValue:IpAddress":{"a":["::1"]}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := policy.Parse(text, false)
		if err != nil {
			return
		}
		policy.Evaluate([]*policy.Document{parsed}, policy.Question{
			Action: "a:b", Resources: []string{"r", ""}, Context: map[string][]string{"a": {"1", "::1"}, "b": {}},
		})
	})
}
