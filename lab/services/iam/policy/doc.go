// Package policy reads IAM policy documents and decides by them
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html). It is pure: what is asked,
// and what is known of the request, comes with the question.
//
// A condition operator that is not known here never makes an Allow match and always makes a Deny match.
package policy
