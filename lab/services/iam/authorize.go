package iam

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
	"haven/lab/wire"
)

// Guards tell what the owner of a resource has to say about a question; the resource is the question's first.
type Guards func(tx *cloud.Tx, region string, question policy.Question) (policy.Guard, error)

// Doors knows VPC endpoints; the ec2 service does.
type Doors interface {
	// Door returns the endpoint of an interface or, for gateway endpoints, of a VPC for a service and a caller's
	// address there, with its policy ("" allows everything). No endpoint has no id.
	Door(tx *cloud.Tx, service, vpcID, interfaceID, sourceIP string) (id, document string, err error)
}

// Guard lets the owner of a service's resources take part in decisions. The service is the prefix of its actions. Call it
// before the first request.
func (s *Service) Guard(service string, guards Guards) { s.guards[service] = guards }

// Authorize decides by the policies of the caller, of what it asks for, and of the VPC endpoint that it came through.
func (s *Service) Authorize(_ context.Context, call *cloud.Call, input any) error {
	if isFree[call.Service+":"+call.Operation] {
		return nil
	}
	return s.store.View(func(tx *cloud.Tx) error {
		access, known, err := s.accessOf(tx, call)
		if err != nil {
			return err
		}
		for _, question := range s.questions(tx, call, input) {
			if err := s.ask(tx, call, access, known, question); err != nil {
				return err
			}
		}
		return nil
	})
}

// isFree are the operations that need no permission.
var isFree = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true}

// Ask returns nil when the caller whose call the context carries may do something more than the call itself says, such
// as using the key of an object that it reads. Outside of a call the lab itself asks, which may.
func (s *Service) Ask(ctx context.Context, tx *cloud.Tx, question policy.Question) error {
	call, ok := cloud.CallIn(ctx)
	if !ok {
		return nil
	}
	access, known, err := s.accessOf(tx, call)
	if err != nil {
		return err
	}
	access.Door = nil // the service asks for the caller, not through the caller's endpoint
	return s.ask(tx, call, access, known, question)
}

func (s *Service) ask(tx *cloud.Tx, call *cloud.Call, access policy.Access, known map[string][]string, question policy.Question) error {
	prefix, _, _ := strings.Cut(question.Action, ":")
	if guards := s.guards[prefix]; guards != nil {
		guard, err := guards(tx, call.Region, question)
		if err != nil {
			return fmt.Errorf("reading the policy of %s: %w", question.Resources[0], err)
		}
		access.Guard = guard
	}
	question.Context = joined(known, access.Guard.Context, question.Context)
	if verdict := access.Decide(question); verdict.Decision != policy.Allowed {
		return wire.Deniedf("%s", sentence(call.Principal, question, verdict))
	}
	return nil
}

func joined(all ...map[string][]string) map[string][]string {
	context := map[string][]string{}
	for _, each := range all {
		maps.Copy(context, each)
	}
	return context
}

// Decide answers for a principal that asks for something that is not a call of an API, such as mounting a file system.
// The context is what is known of the request beyond the principal.
func (s *Service) Decide(tx *cloud.Tx, who cloud.Principal, guard policy.Guard, question policy.Question) (policy.Verdict, error) {
	access, known, err := s.accessOf(tx, &cloud.Call{Principal: who})
	if err != nil {
		return policy.Verdict{}, err
	}
	access.Guard = guard
	question.Context = joined(known, guard.Context, question.Context)
	return access.Decide(question), nil
}

// accessOf collects who calls, what limits it, and what is known of the call.
func (s *Service) accessOf(tx *cloud.Tx, call *cloud.Call) (access policy.Access, known map[string][]string, err error) {
	known = s.conditions(call)
	who := call.Principal
	account := []string{cloud.Account, rootARN}
	switch {
	case who.Anonymous:
		known["aws:principaltype"] = []string{"Anonymous"}
	case who.AccessKeyID == operatorKey:
		access.Caller = policy.Caller{Own: []string{rootARN}, Account: account, Root: true}
		known["aws:principaltype"] = []string{"Account"}
	default:
		access.Caller = policy.Caller{Own: []string{who.ARN}, Account: account}
		if err := s.fill(tx, &access, known, who); err != nil {
			return access, nil, err
		}
	}
	access.Door, err = s.door(tx, call, known)
	return access, known, err
}

// fill adds what limits a user, or a role and its session, and the condition keys that tell of them.
func (s *Service) fill(tx *cloud.Tx, access *policy.Access, known map[string][]string, who cloud.Principal) error {
	limit, tags := "", map[string]string{}
	var err error
	if who.Role == "" {
		_, name := splitARN(who.ARN)
		u, err := found(tx, users, "user", &name)
		if err != nil {
			return err
		}
		limit, tags = boundaryOf(u.PermissionsBoundary), tagMap(u.Tags)
		known["aws:username"], known["aws:userid"], known["aws:principaltype"] = []string{name}, []string{*u.UserId}, []string{"User"}
	} else {
		r, err := found(tx, roles, "role", &who.Role)
		if err != nil {
			return err
		}
		access.Caller.Own = append(access.Caller.Own, *r.Arn)
		limit, tags = boundaryOf(r.PermissionsBoundary), tagMap(r.Tags)
		known["aws:userid"], known["aws:principaltype"] = []string{*r.RoleId + ":" + who.Session}, []string{"AssumedRole"}
		known["aws:principalarn"] = []string{*r.Arn} // of a session it is the role's
		known["aws:multifactorauthpresent"] = []string{"false"}
		if region := known["aws:requestedregion"]; region != nil && strings.HasPrefix(who.Session, "i-") {
			known["ec2:sourceinstancearn"] = []string{cloud.ARN("ec2", region[0], "instance/"+who.Session)}
		}
	}
	for name, value := range tags {
		known["aws:principaltag/"+strings.ToLower(name)] = []string{value}
	}
	if access.Identity, err = documentsOf(tx, who); err != nil {
		return err
	}
	if access.Session, err = parseAll(who.Policies); err != nil || limit == "" {
		return err
	}
	kept, err := findPolicy(tx, limit)
	if err != nil {
		return fmt.Errorf("reading the permissions boundary of %s: %w", who.ARN, err)
	}
	access.Boundary, err = policy.Parse(kept.document(), false)
	return err
}

// door returns the policy of the VPC endpoint that a call came through, if that narrows anything, and tells of it.
func (s *Service) door(tx *cloud.Tx, call *cloud.Call, known map[string][]string) (*policy.Document, error) {
	if call.VPC == "" || s.Doors == nil {
		return nil, nil
	}
	id, text, err := s.Doors.Door(tx, call.Service, call.VPC, call.Interface, call.SourceIP)
	if err != nil || id == "" {
		return nil, err
	}
	known["aws:sourcevpce"], known["aws:sourcevpc"], known["aws:vpcsourceip"] = []string{id}, []string{call.VPC}, []string{call.SourceIP}
	delete(known, "aws:sourceip")
	if text == "" {
		return nil, nil
	}
	document, err := policy.ParseResource(text)
	if err != nil {
		return nil, fmt.Errorf("reading the policy of the endpoint %s: %w", id, err)
	}
	return document, nil
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

// parseAll reads identity policies.
func parseAll(texts []string) ([]*policy.Document, error) {
	var documents []*policy.Document
	for _, text := range texts {
		document, err := policy.Parse(text, false)
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// sentence tells a refusal as AWS does
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html).
func sentence(principal cloud.Principal, question policy.Question, verdict policy.Verdict) string {
	if principal.Anonymous {
		return "Access Denied"
	}
	text := "User: " + principal.ARN + " is not authorized to perform: " + question.Action
	if question.Resources[0] != "*" {
		text += " on resource: " + question.Resources[0]
	}
	article := "a "
	if strings.HasPrefix(verdict.Kind, "i") {
		article = "an "
	}
	if verdict.Decision == policy.Denied {
		return text + " with an explicit deny in " + article + verdict.Kind
	}
	return text + " because no " + verdict.Kind + " allows the " + question.Action + " action"
}
