package secretsmanager

import (
	"time"

	"haven/lab/cloud"
)

// ManagedSecret asks for a secret that a service manages for its user, such as "rds" a master password.
type ManagedSecret struct {
	Name        string // such as "rds!cluster-6e…"
	Owner       string
	Description string
	KeyRef      string // a KMS key; empty: AWS's own
	Tags        map[string]string
	Value       []byte // JSON
	RotateDays  int64
}

// CreateManaged makes a managed secret and returns its ARN.
func (s *Service) CreateManaged(tx *cloud.Tx, region string, request ManagedSecret) (arn string, err error) {
	made, err := create(tx, region, request.Name)
	if err != nil {
		return "", err
	}
	made.Owner, made.Description, made.KeyRef, made.RotateDays = request.Owner, request.Description, request.KeyRef, request.RotateDays
	for name, value := range request.Tags {
		made.Tags[name] = value
	}
	if err := made.add(tx, cloud.NewUUID(), request.Value, false, []string{current}); err != nil {
		return "", err
	}
	return made.ARN, made.put(tx)
}

// RotateManaged replaces a managed secret's value; the old one stays as AWSPREVIOUS.
func (s *Service) RotateManaged(tx *cloud.Tx, region, arn string, value []byte) error {
	found, err := find(tx, region, arn)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	found.Rotated = &now
	if err := found.add(tx, cloud.NewUUID(), value, false, []string{current}); err != nil {
		return err
	}
	return found.put(tx)
}

// Value returns a secret's current value.
func (s *Service) Value(tx *cloud.Tx, region, arn string) ([]byte, error) {
	found, err := find(tx, region, arn)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(found, nil, nil)
	if err != nil {
		return nil, err
	}
	return found.open(tx, chosen)
}

// DeleteManaged removes a managed secret at once; a missing one is no error.
func (s *Service) DeleteManaged(tx *cloud.Tx, region, arn string) error {
	found, err := find(tx, region, arn)
	if cloud.HasCode(err, "ResourceNotFoundException") {
		return nil
	}
	if err != nil {
		return err
	}
	return secrets.Delete(tx, found.region(), found.Name)
}
