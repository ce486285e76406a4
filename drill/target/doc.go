// Package target is the environment that a drill breaks: a stack in the lab or on AWS, seen through AWS's API and the stack's
// typed outputs. What AWS has no call for is behind the Breaker, which only a lab has.
//
// Every call to AWS's API is written into a journal, so that a run can be held to the permissions that its scenarios name.
package target
