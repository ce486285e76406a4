package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
)

// KeyARN returns the ARN of a KMS key by its id, ARN or alias; kms.ResolveARN is one.
type KeyARN func(tx *cloud.Tx, region, ref string) (string, error)

// Service answers IAM's operations, knows access keys and decides what they may do.
type Service struct {
	store  *cloud.Store
	keys   KeyARN
	now    func() time.Time
	guards map[string]Guards // by the prefix of actions

	Doors       Doors  // nil: requests come through no VPC endpoint
	Ciphertexts KeyARN // tells which key a ciphertext was sealed under; nil: nobody knows
}

// New returns the service over the lab's store.
func New(store *cloud.Store, keys KeyARN) *Service {
	return &Service{store: store, keys: keys, now: time.Now, guards: map[string]Guards{}}
}

// found reads a row by its name.
func found[R any](tx *cloud.Tx, table cloud.Table[R], kind string, name *string) (*R, error) {
	row, err := table.Get(tx, cloud.Global, aws.ToString(name))
	if err == nil && row == nil {
		err = missing(kind, aws.ToString(name))
	}
	return row, err
}

func missing(kind, name string) error {
	return cloud.Errorf("NoSuchEntity", "The %s with name %s cannot be found.", kind, name)
}

// read shows a row to a function in a view; the row must not be changed.
func read[R any](s *Service, table cloud.Table[R], kind string, name *string, look func(tx *cloud.Tx, row *R) error) error {
	return s.store.View(func(tx *cloud.Tx) error {
		row, err := found(tx, table, kind, name)
		if err != nil {
			return err
		}
		return look(tx, row)
	})
}

// change lets a function change a row.
func change[R any](s *Service, table cloud.Table[R], kind string, name *string, apply func(tx *cloud.Tx, row *R) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := found(tx, table, kind, name)
		if err != nil {
			return err
		}
		if err := apply(tx, row); err != nil {
			return err
		}
		return table.Put(tx, cloud.Global, aws.ToString(name), row)
	})
}

// create adds a row that must not be there yet.
func create[R any](s *Service, table cloud.Table[R], kind, name string, row *R) error {
	return s.store.Update(func(tx *cloud.Tx) error { return createIn(tx, table, kind, name, row) })
}

func createIn[R any](tx *cloud.Tx, table cloud.Table[R], kind, name string, row *R) error {
	existing, err := table.Get(tx, cloud.Global, name)
	if err != nil {
		return err
	}
	if existing != nil {
		return cloud.Errorf("EntityAlreadyExists", "%s with name %s already exists.", kind, name)
	}
	return table.Put(tx, cloud.Global, name, row)
}

// remove deletes a row that a function does not object to.
func remove[R any](s *Service, table cloud.Table[R], kind string, name *string, check func(tx *cloud.Tx, row *R) error) error {
	return s.store.Update(func(tx *cloud.Tx) error {
		row, err := found(tx, table, kind, name)
		if err != nil {
			return err
		}
		if err := check(tx, row); err != nil {
			return err
		}
		return table.Delete(tx, cloud.Global, aws.ToString(name))
	})
}

// listing is a page of rows.
type listing[R any] struct {
	rows   []R
	marker *string
	more   bool
}

// page cuts a page of at most 100 items, the default of all of IAM's lists.
func page[R any](all []R, key func(R) string, marker *string, limit *int32) (listing[R], error) {
	size := int(aws.ToInt32(limit))
	if size == 0 {
		size = 100
	}
	rows, next, err := cloud.Page(all, key, aws.ToString(marker), size)
	if errors.Is(err, cloud.ErrBadToken) {
		return listing[R]{}, cloud.Errorf("ValidationError", "The marker is not one that the lab gave out.")
	}
	if next == "" {
		return listing[R]{rows: rows}, err
	}
	return listing[R]{rows, &next, true}, err
}

// under returns the rows whose path begins with a prefix.
func under[R any](rows []*R, prefix *string, path func(*R) *string) []*R {
	var kept []*R
	for _, row := range rows {
		if strings.HasPrefix(aws.ToString(path(row)), aws.ToString(prefix)) {
			kept = append(kept, row)
		}
	}
	return kept
}

// pathOr returns a path, which is "/" unless one is given.
func pathOr(given *string) (string, error) {
	path := aws.ToString(given)
	if path == "" {
		return "/", nil
	}
	if !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") {
		return "", cloud.Errorf("ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only "+
			"alphanumeric characters and/or / characters.")
	}
	return path, nil
}

// arn returns the ARN of an IAM resource.
func arn(kind, path, name string) *string { return aws.String(cloud.ARN("iam", "", kind+path+name)) }

// newID returns a unique id with IAM's prefix for the kind
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func newID(prefix string) string { return prefix + strings.ToUpper(cloud.RandomHex(17)) }

// today is now to the second, as IAM's dates are.
func (s *Service) today() *time.Time { return aws.Time(s.now().UTC().Truncate(time.Second)) }

// whose tells the name of the calling principal's role or user; empty for the operator.
func caller(ctx context.Context) cloud.Principal { return cloud.CallFrom(ctx).Principal }
