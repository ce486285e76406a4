package iam

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
	"haven/lab/services/iam/policy"
)

// authority is the key that seals session tokens. The tokens carry all that there is to know of a session, so nothing
// is kept of those that were given out.
type authority struct{ Key []byte }

// Gone says that the key is no resource of the account.
func (*authority) Gone() bool { return true }

var authorities = cloud.NewTable[authority]("iam.authority")

// session is what a token seals.
type session struct {
	AccessKeyID string
	Secret      string
	Role        string
	RoleID      string // of the role when the session began: another role of the same name is another role
	Name        string
	Expires     time.Time
	Policies    []string // that narrow it
}

// instanceSession is how long credentials of an instance are good; the metadata service asks for new ones before.
const instanceSession = 6 * time.Hour

// Credentials returns fresh credentials of a role for an instance, whose id is the session's name. The role must trust
// EC2.
func (s *Service) Credentials(_ context.Context, roleName, sessionName string) (machine.Credentials, error) {
	var assumed *role
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		assumed, err = found(tx, roles, "role", &roleName)
		return err
	})
	if err != nil {
		return machine.Credentials{}, err
	}
	names := map[string][]string{"Service": {"ec2.amazonaws.com"}}
	if err := assumed.trusts("sts:AssumeRole", names, nil); err != nil {
		return machine.Credentials{}, err
	}
	return s.issue(assumed, sessionName, nil, instanceSession)
}

// trusts returns nil when the role's trust policy lets somebody assume it.
func (r *role) trusts(action string, principals, conditions map[string][]string) error {
	document, err := policy.Parse(aws.ToString(r.AssumeRolePolicyDocument), true)
	if err != nil {
		return fmt.Errorf("reading the trust policy of %s: %w", *r.RoleName, err)
	}
	question := policy.Question{Action: action, Resources: []string{*r.Arn}, Principals: principals, Context: conditions}
	if policy.Evaluate([]*policy.Document{document}, question) != policy.Allowed {
		return cloud.StatusErrorf(403, "AccessDenied", "The trust policy of role %s does not let %v assume it.", *r.RoleName, principals)
	}
	return nil
}

// issue seals a session of the role.
func (s *Service) issue(r *role, name string, policies []string, lasting time.Duration) (machine.Credentials, error) {
	begun := session{
		AccessKeyID: newID("ASIA")[:20], Secret: newSecret(), Role: *r.RoleName, RoleID: *r.RoleId, Name: name,
		Expires: s.now().Add(lasting).UTC().Truncate(time.Second), Policies: policies,
	}
	sealer, err := s.sealer()
	if err != nil {
		return machine.Credentials{}, err
	}
	plain, err := json.Marshal(begun)
	if err != nil {
		return machine.Credentials{}, fmt.Errorf("sealing a session of %s: %w", *r.RoleName, err)
	}
	nonce := make([]byte, sealer.NonceSize())
	rand.Read(nonce) // never fails, by its contract
	token := base64.StdEncoding.EncodeToString(sealer.Seal(nonce, nonce, plain, []byte(begun.AccessKeyID)))
	return machine.Credentials{
		AccessKeyID: begun.AccessKeyID, SecretAccessKey: begun.Secret, SessionToken: token, Expires: begun.Expires,
	}, nil
}

var errToken = errors.New("the token was not sealed here")

// open returns the session in a token that belongs to an access key.
func (s *Service) open(accessKeyID, token string) (*session, error) {
	sealer, err := s.sealer()
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(sealed) < sealer.NonceSize() {
		return nil, errToken
	}
	plain, err := sealer.Open(nil, sealed[:sealer.NonceSize()], sealed[sealer.NonceSize():], []byte(accessKeyID))
	if err != nil {
		return nil, errToken
	}
	opened := new(session)
	if err := json.Unmarshal(plain, opened); err != nil {
		return nil, errToken
	}
	return opened, nil
}

// sealer returns the cipher of the authority's key, which is made when it is first needed.
func (s *Service) sealer() (cipher.AEAD, error) {
	var kept *authority
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		kept, err = authorities.Get(tx, cloud.Global, "key")
		return err
	})
	if err == nil && kept == nil {
		kept, err = s.makeAuthority()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key of session tokens: %w", err)
	}
	block, err := aes.NewCipher(kept.Key)
	if err != nil {
		return nil, fmt.Errorf("using the key of session tokens: %w", err)
	}
	return cipher.NewGCM(block)
}

func (s *Service) makeAuthority() (*authority, error) {
	made := &authority{Key: make([]byte, 32)}
	rand.Read(made.Key) // never fails, by its contract
	err := s.store.Update(func(tx *cloud.Tx) error {
		kept, err := authorities.Get(tx, cloud.Global, "key")
		if err != nil {
			return err
		}
		if kept != nil { // somebody was faster
			made = kept
			return nil
		}
		return authorities.Put(tx, cloud.Global, "key", made)
	})
	return made, err
}
