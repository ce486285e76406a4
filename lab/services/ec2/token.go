package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
)

// tokenRow remembers what a client token made, so that a repeated request makes nothing new
// (https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html).
type tokenRow struct {
	Key     string
	Request string // hash
	Made    string
	At      time.Time
}

// Gone tells the inventory that this is no resource.
func (tokenRow) Gone() bool { return true }

// tokenLife is how long a token is remembered.
const tokenLife = 24 * time.Hour

var tokens = cloud.NewTable[tokenRow]("ec2.client-tokens")

// once runs create, which returns the id of what it made, unless the token was used for the same request before:
// then it returns that id. The same token with another request is an error. exists tells whether what was made is
// still there; if not, the token is forgotten.
func once(tx *cloud.Tx, region, operation string, token *string, request any,
	exists func(id string) (bool, error), create func() (string, error),
) (string, error) {
	if aws.ToString(token) == "" {
		return create()
	}
	hash, err := hashOf(request)
	if err != nil {
		return "", err
	}
	key := operation + "/" + *token
	known, err := tokens.Get(tx, region, key)
	if err != nil {
		return "", err
	}
	if known != nil {
		alive, err := exists(known.Made)
		switch {
		case err != nil:
			return "", err
		case known.Request != hash:
			return "", cloud.Errorf("IdempotentParameterMismatch",
				"The request uses the same client token as a previous, but non-identical request.")
		case alive:
			return known.Made, nil
		}
	}
	made, err := create()
	if err != nil {
		return "", err
	}
	return made, tokens.Put(tx, region, key, &tokenRow{Key: key, Request: hash, Made: made, At: now()})
}

// hashOf hashes a request's members.
func hashOf(request any) (string, error) {
	raw, err := json.Marshal(request)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), err
}

// exists is for once: whether a resource of the kind has the id.
func (k kind[R, P]) exists(tx *cloud.Tx, region string) func(string) (bool, error) {
	return func(id string) (bool, error) {
		row, err := k.Get(tx, region, id)
		return row != nil, err
	}
}
