package secretsmanager

import (
	"context"
	"fmt"
	"strings"

	"haven/lab/cloud"
	"haven/lab/services/iam/policy"
	"haven/lab/services/kms"
)

// Permissions decides what the caller of a call may do beyond the call itself; the iam service does.
type Permissions interface {
	Ask(ctx context.Context, tx *cloud.Tx, question policy.Question) error
}

// mayUse asks whether the caller may use a secret's key
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html).
func (s *Service) mayUse(ctx context.Context, tx *cloud.Tx, action, keyARN string, encryption map[string]string) error {
	if s.Permissions == nil || keyARN == "" {
		return nil
	}
	if err := s.Permissions.Ask(ctx, tx, kms.Use(action, keyARN, "secretsmanager", encryption)); err != nil {
		return cloud.Errorf("AccessDeniedException", "Access to KMS is not allowed: %v", err)
	}
	return nil
}

// add adds a version on behalf of a caller, who must be allowed to use the key.
func (s *Service) add(ctx context.Context, tx *cloud.Tx, found *secret, id string, value []byte, binary bool, stages []string) error {
	if err := found.add(tx, id, value, binary, stages); err != nil {
		return err
	}
	return s.mayUse(ctx, tx, "GenerateDataKey", found.version(id).KeyARN, found.context(id))
}

// Guard tells what a secret's policy says.
func Guard(tx *cloud.Tx, region string, question policy.Question) (policy.Guard, error) {
	ref := strings.TrimSuffix(question.Resources[0], "-??????") // a question by name
	found, err := find(tx, region, ref)
	if cloud.HasCode(err, "ResourceNotFoundException") || cloud.HasCode(err, "ValidationException") {
		return policy.Guard{}, nil // the handler says what is wrong
	}
	if err != nil {
		return policy.Guard{}, err
	}
	guard := policy.Guard{Context: map[string][]string{}}
	for name, value := range found.Tags {
		guard.Context["aws:resourcetag/"+strings.ToLower(name)] = []string{value}
		guard.Context["secretsmanager:resourcetag/"+strings.ToLower(name)] = []string{value}
	}
	if found.Policy == "" {
		return guard, nil
	}
	if guard.Policy, err = policy.ParseResource(found.Policy); err != nil {
		return guard, fmt.Errorf("reading the policy of %s: %w", found.ARN, err)
	}
	return guard, nil
}
