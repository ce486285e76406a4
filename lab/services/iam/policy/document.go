package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Effects of statements.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Document is a policy.
type Document struct {
	Version   string
	ID        string `json:"Id"`
	Statement Statements
}

// Statements are a document's; a single one may stand without a list.
type Statements []Statement

// Statement is one rule.
type Statement struct {
	Sid          string
	Effect       string
	Principal    Principals
	NotPrincipal Principals
	Action       Strings
	NotAction    Strings
	Resource     Strings
	NotResource  Strings
	Condition    map[string]map[string]Strings
}

// Strings are one string or several; numbers and booleans count as strings.
type Strings []string

// Principals are who a statement is about, by kind: "AWS", "Service", "Federated". "*" is everyone: the kind "*".
type Principals map[string]Strings

// UnmarshalJSON reads one statement or a list of them.
func (s *Statements) UnmarshalJSON(raw []byte) error {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
		*s = make(Statements, 1)
		return strict(raw, &(*s)[0])
	}
	var each []json.RawMessage
	if err := json.Unmarshal(raw, &each); err != nil {
		return err
	}
	*s = make(Statements, len(each))
	for i := range each {
		if err := strict(each[i], &(*s)[i]); err != nil {
			return err
		}
	}
	return nil
}

// strict refuses elements that IAM does not know.
func strict(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// UnmarshalJSON reads a string, number, boolean, or a list of them.
func (s *Strings) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	each, ok := value.([]any)
	if !ok {
		each = []any{value}
	}
	*s = Strings{}
	for _, one := range each {
		switch one.(type) {
		case string, json.Number, bool:
			*s = append(*s, fmt.Sprint(one))
		default:
			return errors.New("expected a string or a list of strings")
		}
	}
	return nil
}

// UnmarshalJSON reads "*" or principals by kind.
func (p *Principals) UnmarshalJSON(raw []byte) error {
	if string(bytes.TrimSpace(raw)) == `"*"` {
		*p = Principals{"*": {"*"}}
		return nil
	}
	return json.Unmarshal(raw, (*map[string]Strings)(p))
}

// Parse reads a policy that is attached to an identity or, with trust, one that says who may assume a role.
func Parse(text string, trust bool) (*Document, error) {
	return parse(text, func(s *Statement) error { return s.check(trust) })
}

// ParseResource reads a policy that is attached to a resource: each statement says who, and may say which resource.
func ParseResource(text string) (*Document, error) {
	return parse(text, (*Statement).checkResource)
}

func parse(text string, check func(*Statement) error) (*Document, error) {
	document := new(Document)
	if err := strict([]byte(text), document); err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	if document.Version != "" && document.Version != "2012-10-17" && document.Version != "2008-10-17" {
		return nil, fmt.Errorf("the policy must contain a valid version string, not %q", document.Version)
	}
	if len(document.Statement) == 0 {
		return nil, errors.New("the policy has no statement")
	}
	for i := range document.Statement {
		if err := check(&document.Statement[i]); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return document, nil
}

func (s *Statement) check(trust bool) error {
	who, what := s.Principal != nil || s.NotPrincipal != nil, s.Resource != nil || s.NotResource != nil
	switch {
	case s.Effect != Allow && s.Effect != Deny:
		return fmt.Errorf("the effect must be Allow or Deny, not %q", s.Effect)
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("a policy statement must contain actions")
	case trust && what:
		return errors.New("a trust policy has no field Resource")
	case trust && !who:
		return errors.New("a trust policy must contain principals")
	case !trust && who:
		return errors.New("an identity policy should not specify a principal")
	case !trust && (s.Resource == nil) == (s.NotResource == nil):
		return errors.New("a policy statement must contain resources")
	}
	return nil
}

func (s *Statement) checkResource() error {
	switch {
	case s.Effect != Allow && s.Effect != Deny:
		return fmt.Errorf("the effect must be Allow or Deny, not %q", s.Effect)
	case (s.Principal == nil) == (s.NotPrincipal == nil):
		return errors.New("a statement of a resource's policy must contain principals")
	case s.NotPrincipal != nil && s.Effect == Allow:
		return errors.New("NotPrincipal goes with Deny only")
	case (s.Action == nil) == (s.NotAction == nil):
		return errors.New("a policy statement must contain actions")
	case s.Resource != nil && s.NotResource != nil:
		return errors.New("a policy statement contains Resource or NotResource, not both")
	}
	return nil
}
