package rds

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"haven/lab/cloud"
)

const passwordAlphabet = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#$%&*()-_=+[]{}<>:?~|"

// newPassword makes a password as RDS makes them: 28 characters of those that it allows.
func newPassword() string {
	out := make([]byte, 0, 28)
	raw := make([]byte, 64)
	for {
		rand.Read(raw) // never fails, by its contract
		for _, b := range raw {
			if int(b) >= 256-256%len(passwordAlphabet) {
				continue // every character is equally likely
			}
			if out = append(out, passwordAlphabet[int(b)%len(passwordAlphabet)]); len(out) == cap(out) {
				return string(out)
			}
		}
	}
}

// masterPassword returns the master user's password of now: the user's own, or the secret's.
func (s *Service) masterPassword(tx *cloud.Tx, row *clusterRow) (string, error) {
	if row.Secret == "" {
		return row.Password, nil
	}
	raw, err := s.secrets.Value(tx, row.Region, row.Secret)
	if err != nil {
		return "", fmt.Errorf("reading the master secret of %s: %w", row.Name, err)
	}
	var value struct{ Password string }
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", fmt.Errorf("reading the master secret of %s: it is not RDS's JSON", row.Name)
	}
	return value.Password, nil
}
