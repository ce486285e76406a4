package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"haven/lab/services/iam/policy"
)

const (
	session = "arn:aws:sts::000000000000:assumed-role/web/i-1"
	role    = "arn:aws:iam::000000000000:role/web"
	root    = "arn:aws:iam::000000000000:root"
)

var (
	account   = []string{"000000000000", root}
	instance  = policy.Caller{Own: []string{session, role}, Account: account}
	operator  = policy.Caller{Own: []string{root}, Account: account, Root: true}
	balancer  = policy.Caller{Service: "logdelivery.elasticloadbalancing.amazonaws.com"}
	nobody    = policy.Caller{}
	allows    = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	forEvery  = `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`
	forRole   = `{"Effect":"Allow","Principal":{"AWS":"` + role + `"},"Action":"*","Resource":"*"}`
	forOne    = `{"Effect":"Allow","Principal":{"AWS":"` + session + `"},"Action":"*","Resource":"*"}`
	forRoot   = `{"Effect":"Allow","Principal":{"AWS":"` + root + `"},"Action":"*","Resource":"*"}`
	forLogs   = `{"Effect":"Allow","Principal":{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"},"Action":"*","Resource":"*"}`
	denies    = `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`
	otherwise = `{"Effect":"Allow","Action":"sns:*","Resource":"*"}`
	except    = `{"Effect":"Deny","NotPrincipal":{"AWS":["` + role + `","` + session + `"]},"Action":"*","Resource":"*"}`
)

func resource(t *testing.T, statements string) *policy.Document {
	if statements == "" {
		return nil
	}
	parsed, err := policy.ParseResource(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
	require.NoError(t, err)
	return parsed
}

func TestIdentityAndResourceDecideTogether(t *testing.T) {
	for name, c := range map[string]struct {
		caller                                       policy.Caller
		identity, resource, boundary, session, doors string
		decides, closed, spared                      bool
		want                                         policy.Decision
	}{
		"identity alone":                        {caller: instance, identity: allows, want: policy.Allowed},
		"nothing":                               {caller: instance},
		"resource alone, for the role":          {caller: instance, resource: forRole, want: policy.Allowed},
		"resource alone, for everyone":          {caller: instance, resource: forEvery, want: policy.Allowed},
		"the account leaves it to identities":   {caller: instance, resource: forRoot},
		"a denial wins":                         {caller: instance, identity: allows, resource: forEvery + "," + denies, want: policy.Denied},
		"a denial binds root":                   {caller: operator, resource: denies, want: policy.Denied},
		"but not for what root is spared":       {caller: operator, resource: denies, spared: true, want: policy.Allowed},
		"root needs no policy":                  {caller: operator, want: policy.Allowed},
		"everyone but a role":                   {caller: instance, identity: allows, resource: except, want: policy.Allowed},
		"everyone but a role: root":             {caller: operator, resource: except, want: policy.Denied},
		"anonymous":                             {caller: nobody},
		"anonymous, public":                     {caller: nobody, resource: forEvery, want: policy.Allowed},
		"anonymous, public and closed":          {caller: nobody, resource: forEvery, closed: true},
		"closed does not concern the account":   {caller: instance, resource: forEvery, closed: true, want: policy.Allowed},
		"anonymous is not the account":          {caller: nobody, resource: forRoot},
		"a service by name":                     {caller: balancer, resource: forLogs, want: policy.Allowed},
		"a service is nobody's role":            {caller: balancer, resource: forRole},
		"a key's policy decides":                {caller: instance, identity: allows, decides: true},
		"a key's policy for the account":        {caller: instance, identity: allows, resource: forRoot, decides: true, want: policy.Allowed},
		"a key's policy, no identity":           {caller: instance, resource: forRoot, decides: true},
		"a key's policy for the role":           {caller: instance, resource: forRole, decides: true, want: policy.Allowed},
		"a key's policy binds root":             {caller: operator, resource: forRole, decides: true},
		"a boundary narrows":                    {caller: instance, identity: allows, boundary: otherwise},
		"a boundary allows":                     {caller: instance, identity: allows, boundary: allows, want: policy.Allowed},
		"a boundary gives nothing":              {caller: instance, boundary: allows},
		"a boundary narrows a role's resource":  {caller: instance, resource: forRole, boundary: otherwise},
		"a session named itself is not bounded": {caller: instance, resource: forOne, boundary: otherwise, want: policy.Allowed},
		"a session policy narrows":              {caller: instance, identity: allows, session: otherwise},
		"an endpoint narrows":                   {caller: instance, identity: allows, doors: forLogs},
		"an endpoint narrows the public":        {caller: nobody, resource: forEvery, doors: forRole},
		"an endpoint lets through":              {caller: instance, identity: allows, doors: forEvery, want: policy.Allowed},
	} {
		access := policy.Access{Caller: c.caller, Door: resource(t, c.doors), Guard: policy.Guard{Policy: resource(t, c.resource), Decides: c.decides, Closed: c.closed}}
		if c.identity != "" {
			access.Identity = document(t, c.identity)
		}
		if c.boundary != "" {
			access.Boundary = document(t, c.boundary)[0]
		}
		if c.session != "" {
			access.Session = document(t, c.session)
		}
		if c.spared {
			access.Guard.Spared = map[string]bool{"s3:GetObject": true}
		}
		got := access.Decide(policy.Question{Action: "s3:GetObject", Resources: []string{"arn:aws:s3:::b/k"}, Context: map[string][]string{"aws:securetransport": {"false"}}})
		assert.Equal(t, c.want, got.Decision, "%s: %s", name, got.Kind)
	}
}

func TestPublicPolicies(t *testing.T) {
	when := func(condition string) string {
		return `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":` + condition + `}`
	}
	for statement, want := range map[string]bool{
		forEvery: true,
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}`: true,
		forRole: false,
		forLogs: false,
		denies:  false,
		when(`{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`):                                          false,
		when(`{"StringLike":{"aws:SourceVpce":"vpce-*"}}`):                                            true,
		when(`{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}`):                                       true,
		when(`{"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}`):                                  true,
		when(`{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`):                                         false,
		when(`{"StringEquals":{"aws:Referer":"https://example.com"}}`):                                true,
		when(`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`):                                       false,
		when(`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`):                                            true,
		when(`{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/1"]}}`):                         true,
		when(`{"Bool":{"aws:SecureTransport":"true"}}`):                                               true,
		when(`{"Bool":{"aws:SecureTransport":"true"},"ArnEquals":{"aws:SourceArn":"arn:aws:sns:x"}}`): false,
	} {
		assert.Equal(t, want, resource(t, statement).Public(), statement)
	}
}

func TestResourcePoliciesThatAreNone(t *testing.T) {
	for _, statement := range []string{
		allows, `{"Effect":"Maybe","Principal":"*","Action":"*","Resource":"*"}`, `{"Effect":"Allow","Principal":"*","Resource":"*"}`,
		`{"Effect":"Allow","NotPrincipal":"*","Action":"*","Resource":"*"}`, `{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Colour":"red"}`,
	} {
		_, err := policy.ParseResource(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
		assert.Error(t, err, statement)
	}
}
