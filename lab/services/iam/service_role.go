package iam

import (
	"haven/lab/cloud"
)

// AssumeForService returns who acts as a role when a service does, for services that work for their users, such as FIS.
// The role's trust policy has to name the service; conditions are those that the service gives, such as aws:SourceArn.
func (s *Service) AssumeForService(tx *cloud.Tx, roleARN, service, session string, conditions map[string][]string) (cloud.Principal, error) {
	_, name := splitARN(roleARN)
	wanted, err := found(tx, roles, "role", &name)
	if err != nil {
		return cloud.Principal{}, err
	}
	if *wanted.Arn != roleARN {
		return cloud.Principal{}, missing("role", roleARN)
	}
	if err := wanted.trusts("sts:AssumeRole", map[string][]string{"Service": {service}}, conditions); err != nil {
		return cloud.Principal{}, err
	}
	return cloud.Principal{ARN: assumedARN(name, session), Role: name, Session: session}, nil
}
