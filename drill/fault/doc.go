// Package fault is what a drill breaks: an object of six steps, and the state machine that keeps them in order.
//
// A fault knows nothing of workloads or judgements. Its wait steps only look. After an error only Cleanup is left, which
// puts back everything that an earlier step may have changed, however far that step came.
package fault
