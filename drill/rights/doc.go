// Package rights writes the IAM policy that a user needs to run drills on AWS: what scenarios say that they call, the look at
// full strength and the opening of the stack, each on no more resources than it is about. Whoever may run drills may break the
// environment, so this is a policy for a role of its own.
package rights
