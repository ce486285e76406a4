// Package iam is the lab's Identity and Access Management: roles, instance profiles, policies, users and groups; the
// access keys that sign requests; and the decision what an instance's role may do.
//
// Policies are really evaluated, for roles, users and requests that nobody signed: identity policies, permissions
// boundaries, session policies, the policies of resources whose services guard them (Guard), and those of VPC endpoints.
// The operator, who signs with the keys "lab", is the account's root: no identity policy limits it, denials in policies
// of resources do. There are no service control policies. Resources are named in a question for S3, Secrets Manager, KMS,
// SSM, CloudWatch Logs, EFS and STS; for other services a question is about "*", which only a policy that says "*" allows.
package iam
