package iam

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"haven/lab/cloud"
	"haven/lab/wire"
)

var (
	_ wire.Authenticator = &Service{}
	_ wire.Authorizer    = &Service{}
)

// Authenticate knows the operator's key, users' keys, and the temporary ones of roles, which prove themselves by their
// token.
func (s *Service) Authenticate(_ context.Context, accessKeyID, token string) (string, cloud.Principal, error) {
	switch {
	case token != "":
		return s.authenticateSession(accessKeyID, token)
	case accessKeyID == operatorKey:
		return operatorKey, cloud.Principal{AccessKeyID: operatorKey, ARN: rootARN}, nil
	}
	return s.authenticateUser(accessKeyID)
}

func (s *Service) authenticateSession(accessKeyID, token string) (string, cloud.Principal, error) {
	opened, err := s.open(accessKeyID, token)
	if errors.Is(err, errToken) {
		return "", cloud.Principal{}, wire.ErrInvalidToken
	}
	if err != nil {
		return "", cloud.Principal{}, err
	}
	if s.now().After(opened.Expires) {
		return "", cloud.Principal{}, wire.ErrExpiredToken
	}
	var now *role
	err = s.store.View(func(tx *cloud.Tx) (err error) {
		now, err = roles.Get(tx, cloud.Global, opened.Role)
		return err
	})
	if err != nil {
		return "", cloud.Principal{}, err
	}
	if now == nil || *now.RoleId != opened.RoleID {
		return "", cloud.Principal{}, wire.ErrInvalidToken
	}
	return opened.Secret, cloud.Principal{
		AccessKeyID: accessKeyID, Role: opened.Role, Session: opened.Name, ARN: assumedARN(opened.Role, opened.Name), Policies: opened.Policies,
	}, nil
}

func (s *Service) authenticateUser(accessKeyID string) (secret string, principal cloud.Principal, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		key, err := accessKeys.Get(tx, cloud.Global, accessKeyID)
		if err != nil {
			return err
		}
		if key == nil || key.Status != types.StatusTypeActive {
			return wire.ErrUnknownKey
		}
		u, err := found(tx, users, "user", key.UserName)
		if err != nil {
			return err
		}
		secret, principal = aws.ToString(key.SecretAccessKey), cloud.Principal{AccessKeyID: accessKeyID, ARN: *u.Arn}
		return nil
	})
	return secret, principal, err
}
