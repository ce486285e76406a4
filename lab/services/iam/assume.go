package iam

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
)

// Assumption is somebody's wish to act as a role.
type Assumption struct {
	Principal  cloud.Principal
	RoleARN    string
	Session    string
	ExternalID string
	Duration   time.Duration // 0: an hour
	Policy     string        // narrows the session; empty: nothing does
	PolicyARNs []string      // of managed policies that narrow it, too
}

// Assumed is a role that somebody acts as.
type Assumed struct {
	Credentials machine.Credentials
	RoleID      string
	ARN         string // of the assumed role, with the session
}

// maxChained is the longest session of one who already acts as a role
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining).
const maxChained = time.Hour

// Assume returns credentials of a role whose trust policy names the caller. That the caller's own policies allow it
// was asked before.
func (s *Service) Assume(wish Assumption) (Assumed, error) {
	denied := cloud.StatusErrorf(403, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
		wish.Principal.ARN, wish.RoleARN)
	_, name := splitARN(wish.RoleARN)
	var wanted *role
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		wanted, err = roles.Get(tx, cloud.Global, name)
		return err
	})
	if err != nil {
		return Assumed{}, err
	}
	if wanted == nil || *wanted.Arn != wish.RoleARN {
		return Assumed{}, denied
	}
	names := []string{wish.Principal.ARN, cloud.Account, rootARN}
	if wish.Principal.Role != "" {
		own, err := s.roleARN(wish.Principal.Role)
		if err != nil {
			return Assumed{}, err
		}
		names = append(names, own)
	}
	conditions := map[string][]string{"aws:principalarn": {wish.Principal.ARN}}
	if wish.ExternalID != "" {
		conditions["sts:externalid"] = []string{wish.ExternalID}
	}
	if wanted.trusts("sts:AssumeRole", map[string][]string{"AWS": names}, conditions) != nil {
		return Assumed{}, denied
	}
	lasting, err := wanted.lasting(wish)
	if err != nil {
		return Assumed{}, err
	}
	policies, err := s.sessionPolicies(wish)
	if err != nil {
		return Assumed{}, err
	}
	credentials, err := s.issue(wanted, wish.Session, policies, lasting)
	return Assumed{credentials, *wanted.RoleId + ":" + wish.Session, assumedARN(name, wish.Session)}, err
}

// lasting returns how long a session is to be.
func (r *role) lasting(wish Assumption) (time.Duration, error) {
	longest := time.Duration(aws.ToInt32(r.MaxSessionDuration)) * time.Second
	switch {
	case wish.Principal.Role != "" && wish.Duration > maxChained:
		return 0, cloud.Errorf("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case wish.Duration > longest:
		return 0, cloud.Errorf("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case wish.Duration == 0:
		return time.Hour, nil
	}
	return wish.Duration, nil
}

func assumedARN(role, session string) string {
	return cloud.ARN("sts", "", "assumed-role/"+role+"/"+session)
}

func (s *Service) roleARN(name string) (own string, err error) {
	return own, s.store.View(func(tx *cloud.Tx) error {
		r, err := found(tx, roles, "role", &name)
		if err == nil {
			own = *r.Arn
		}
		return err
	})
}

// UserID returns the unique id of a principal, as GetCallerIdentity tells it.
func (s *Service) UserID(principal cloud.Principal) (id string, err error) {
	if principal.AccessKeyID == operatorKey {
		return cloud.Account, nil
	}
	return id, s.store.View(func(tx *cloud.Tx) error {
		if principal.Role != "" {
			r, err := found(tx, roles, "role", &principal.Role)
			if err == nil {
				id = *r.RoleId + ":" + principal.Session
			}
			return err
		}
		_, name := splitARN(principal.ARN)
		u, err := found(tx, users, "user", &name)
		if err == nil {
			id = *u.UserId
		}
		return err
	})
}

// sessionPolicies returns the documents that narrow a session: the session may do what they and the role allow.
func (s *Service) sessionPolicies(wish Assumption) (documents []string, err error) {
	if wish.Policy != "" {
		if _, err := parse(&wish.Policy, false); err != nil {
			return nil, err
		}
		documents = append(documents, wish.Policy)
	}
	return documents, s.store.View(func(tx *cloud.Tx) error {
		for _, name := range wish.PolicyARNs {
			kept, err := findPolicy(tx, name)
			if err != nil {
				return err
			}
			documents = append(documents, kept.document())
		}
		return nil
	})
}
