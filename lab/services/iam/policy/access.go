package policy

// Caller is who asks, by the names that policies know it by. The zero Caller is anonymous.
type Caller struct {
	// Own are the names of the caller alone: a user's ARN, or a session's ARN and then its role's.
	Own []string
	// Account are the names of its account: its number, and its root's ARN.
	Account []string
	// Service is set instead when an AWS service asks for itself: "logging.s3.amazonaws.com".
	Service string
	// Root marks the account's root user: no identity policy limits it.
	Root bool
}

// anonymous is a name that no policy has, so that only wildcards match.
const anonymous = "anonymous"

// IsAnonymous tells whether nobody signed.
func (c Caller) IsAnonymous() bool { return len(c.Own) == 0 && c.Service == "" }

// names are what principals of a policy match: the caller's own names and, on demand, its account's.
func (c Caller) names(withAccount bool) map[string][]string {
	names := map[string][]string{"AWS": {anonymous}}
	if c.Service != "" {
		names["Service"] = []string{c.Service}
	}
	if len(c.Own) > 0 {
		names["AWS"] = append([]string{}, c.Own...)
	}
	if withAccount {
		names["AWS"] = append(names["AWS"], c.Account...)
	}
	return names
}

// Guard is what the owner of a resource has to say about requests for it.
type Guard struct {
	Policy *Document // the resource's policy; nil: it has none
	// Decides is of KMS keys: without the policy's word nothing is allowed, whatever identity policies say.
	Decides bool
	// Closed leaves out what the policy allows to those outside the account, as S3's RestrictPublicBuckets does.
	Closed bool
	// Spared are the actions of the account's root user that no Deny of the policy binds.
	Spared map[string]bool
	// Context are further condition keys, in lower case.
	Context map[string][]string
}

// Access is all that decides on a request in one account
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html).
type Access struct {
	Caller   Caller
	Identity []*Document // the caller's policies
	Boundary *Document   // the permissions boundary; nil: none
	Session  []*Document // the session's policies; nil: none
	Door     *Document   // the policy of the VPC endpoint that the request came through; nil: none, or one that allows all
	Guard    Guard
}

// Kinds of policies, as refusals name them.
const (
	kindIdentity = "identity-based policy"
	kindResource = "resource-based policy"
	kindBoundary = "permissions boundary"
	kindSession  = "session policy"
	kindDoor     = "VPC endpoint policy"
)

// Verdict is a decision with the kind of policy that it is due to.
type Verdict struct {
	Decision Decision
	Kind     string
}

// Decide answers a question. A denial in any policy wins; then the endpoint, a boundary and the session must allow, and
// the identity's policies or the resource's. A statement that names the caller itself is not narrowed by a boundary or
// a session; one that names the account leaves it to the identity's policies.
func (a Access) Decide(q Question) Verdict {
	q.Principals = a.Caller.names(true)
	if kind := a.denial(q); kind != "" {
		return Verdict{Denied, kind}
	}
	if a.Door != nil && Evaluate([]*Document{a.Door}, q) != Allowed {
		return Verdict{NotAllowed, kindDoor}
	}
	byResource, literally, byAccount := a.resource(q)
	byIdentity := a.Caller.Root || Evaluate(a.Identity, q.anyone()) == Allowed
	if a.Guard.Decides {
		byIdentity = byIdentity && byAccount
	}
	switch {
	case literally || byResource && a.Caller.IsAnonymous():
		return Verdict{Allowed, kindResource}
	case !byResource && !byIdentity && a.Guard.Decides:
		return Verdict{NotAllowed, kindResource}
	case !byResource && !byIdentity:
		return Verdict{NotAllowed, kindIdentity}
	case a.Boundary != nil && Evaluate([]*Document{a.Boundary}, q.anyone()) != Allowed:
		return Verdict{NotAllowed, kindBoundary}
	case a.Session != nil && Evaluate(a.Session, q.anyone()) != Allowed:
		return Verdict{NotAllowed, kindSession}
	}
	return Verdict{Allowed, kindIdentity}
}

// anyone is the question to policies that do not say who: they belong to somebody.
func (q Question) anyone() Question {
	q.Principals = nil
	return q
}

// resource tells whether the resource's policy allows the caller by name or wildcard, whether by name of the user or
// session alone, and whether it allows the account.
func (a Access) resource(q Question) (byCaller, literally, byAccount bool) {
	if a.Guard.Policy == nil || a.Guard.Closed && len(a.Caller.Account) == 0 && a.Caller.Service == "" {
		return false, false, false
	}
	documents := []*Document{a.Guard.Policy}
	byAccount = Evaluate(documents, q) == Allowed
	q.Principals = a.Caller.names(false)
	byCaller = Evaluate(documents, q) == Allowed
	if len(a.Caller.Own) > 0 {
		q.Principals, q.literally = map[string][]string{"AWS": a.Caller.Own[:1]}, true
		literally = Evaluate(documents, q) == Allowed
	}
	return byCaller, literally, byAccount
}

// denial returns the kind of policy that denies the request, or "".
func (a Access) denial(q Question) string {
	spared := a.Caller.Root && a.Guard.Spared[q.Action]
	for _, each := range []struct {
		kind      string
		documents []*Document
		question  Question
	}{
		{kindDoor, some(a.Door), q},
		{kindResource, some(a.Guard.Policy), q},
		{kindIdentity, a.Identity, q.anyone()},
		{kindBoundary, some(a.Boundary), q.anyone()},
		{kindSession, a.Session, q.anyone()},
	} {
		if each.kind == kindResource && spared {
			continue
		}
		if Evaluate(each.documents, each.question) == Denied {
			return each.kind
		}
	}
	return ""
}

func some(document *Document) []*Document {
	if document == nil {
		return nil
	}
	return []*Document{document}
}
