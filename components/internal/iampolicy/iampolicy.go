// Package iampolicy builds IAM policy documents as data.
//
// A document may hold Pulumi outputs (an ARN that is not yet known); JSON
// resolves them. Every statement needs a Sid, so that a reviewer and an access
// analyser can name it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
package iampolicy

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// version is the policy language's version, a fixed date.
const version = "2012-10-17"

// Statement is one statement of a policy. Zero fields are left out.
type Statement struct {
	Sid        string
	Deny       bool           // the effect is Allow unless set
	Principal  map[string]any // of a resource policy: {"AWS": …} or {"Service": …}
	Actions    []string
	Resources  []any          // strings or pulumi outputs of strings
	Conditions map[string]any // operator → key → value
}

// document returns the statement as the JSON object AWS expects.
func (s Statement) document() map[string]any {
	effect := "Allow"
	if s.Deny {
		effect = "Deny"
	}
	out := map[string]any{"Sid": s.Sid, "Effect": effect, "Action": anySlice(s.Actions)}
	if len(s.Resources) > 0 {
		out["Resource"] = s.Resources
	}
	if s.Principal != nil {
		out["Principal"] = s.Principal
	}
	if s.Conditions != nil {
		out["Condition"] = s.Conditions
	}
	return out
}

// JSON renders a policy document; it resolves when every output in it has.
func JSON(statements ...Statement) pulumi.StringOutput {
	list := make([]any, 0, len(statements))
	for _, statement := range statements {
		list = append(list, statement.document())
	}
	return pulumi.JSONMarshal(map[string]any{"Version": version, "Statement": list})
}

// AssumeBy is the trust policy that lets one AWS service take a role on, for
// callers of the given account only (the confused-deputy guard).
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func AssumeBy(service, account string) pulumi.StringOutput {
	statement := Statement{
		Sid:       "TakenOnByService",
		Principal: map[string]any{"Service": service},
		Actions:   []string{"sts:AssumeRole"},
	}
	if account != "" {
		statement.Conditions = map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": account}}
	}
	return JSON(statement)
}

// Account is the principal that stands for an account's own IAM policies.
func Account(account string) map[string]any {
	return map[string]any{"AWS": "arn:aws:iam::" + account + ":root"}
}

func anySlice(values []string) []any {
	out := make([]any, 0, len(values))
	for _, value := range values {
		out = append(out, value)
	}
	return out
}
