// Package iam is the lab's Identity and Access Management: roles, instance profiles, policies, users and groups; the
// access keys that sign requests; and the decision what an instance's role may do.
//
// Identity policies are really evaluated, for roles and users. The operator, who signs with the keys "lab", may do
// everything, as an account's root may. Resource policies, permission boundaries, session policies and service control
// policies are kept where there is an operation to keep them, and are not evaluated. Resources are named in a question
// for S3, Secrets Manager, KMS, SSM, CloudWatch Logs, EFS and STS; for other services a question is about "*", which
// only a policy that says "*" allows.
package iam
