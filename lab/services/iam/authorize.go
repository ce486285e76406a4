package iam

import (
	"context"
	"strconv"
	"strings"
	"time"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
	"haven/lab/wire"
)

// Authorize decides by the policies of the caller's role or user.
func (s *Service) Authorize(_ context.Context, call *cloud.Call, input any) error {
	if call.Principal.AccessKeyID == operatorKey || isFree[call.Service+":"+call.Operation] {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		documents, err := documentsOf(tx, call.Principal)
		if err != nil {
			return err
		}
		for _, question := range s.questions(tx, call, input) {
			question.Context = s.conditions(call)
			decision := policy.Evaluate(documents, question)
			if decision != policy.Allowed {
				return wire.Deniedf("%s", sentence(call.Principal, question, decision))
			}
		}
		return nil
	})
}

// isFree are the operations that need no permission.
var isFree = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}

// Allowed tells whether a role's policies allow something that is not a call of an API, such as mounting a file system.
func (s *Service) Allowed(tx *cloud.Tx, roleName, action string, resources []string, conditions map[string][]string) (bool, error) {
	documents, err := documentsOf(tx, cloud.Principal{Role: roleName})
	if err != nil {
		return false, err
	}
	lower := map[string][]string{}
	for key, values := range conditions {
		lower[strings.ToLower(key)] = values
	}
	question := policy.Question{Action: action, Resources: resources, Context: lower}
	return policy.Evaluate(documents, question) == policy.Allowed, nil
}

// documentsOf returns the policies of a role, or of a user and the groups that it is in.
func documentsOf(tx *cloud.Tx, principal cloud.Principal) ([]*policy.Document, error) {
	if principal.Role != "" {
		r, err := found(tx, roles, "role", &principal.Role)
		if err != nil {
			return nil, err
		}
		return r.documents(tx)
	}
	_, name := splitARN(principal.ARN)
	u, err := found(tx, users, "user", &name)
	if err != nil {
		return nil, err
	}
	documents, err := u.documents(tx)
	if err != nil {
		return nil, err
	}
	member, err := groupsOf(tx, name)
	if err != nil {
		return nil, err
	}
	for _, g := range member {
		more, err := g.documents(tx)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	return documents, nil
}

// conditions are the global condition keys that the lab knows of a call
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
func (s *Service) conditions(call *cloud.Call) map[string][]string {
	now := s.now().UTC()
	known := map[string][]string{
		"aws:principalarn":     {call.Principal.ARN},
		"aws:principalaccount": {cloud.Account},
		"aws:requestedregion":  {call.Region},
		"aws:securetransport":  {strconv.FormatBool(call.Secure)},
		"aws:sourceip":         {call.SourceIP},
		"aws:useragent":        {call.UserAgent},
		"aws:currenttime":      {now.Format(time.RFC3339)},
		"aws:epochtime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:resourceaccount":  {cloud.Account},
		"aws:viaawsservice":    {"false"},
	}
	if call.Principal.Role == "" {
		_, name := splitARN(call.Principal.ARN)
		known["aws:username"] = []string{name}
	}
	return known
}

// sentence tells a refusal as AWS does
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func sentence(principal cloud.Principal, question policy.Question, decision policy.Decision) string {
	text := "User: " + principal.ARN + " is not authorized to perform: " + question.Action
	if question.Resources[0] != "*" {
		text += " on resource: " + question.Resources[0]
	}
	if decision == policy.Denied {
		return text + " with an explicit deny in an identity-based policy"
	}
	return text + " because no identity-based policy allows the " + question.Action + " action"
}
