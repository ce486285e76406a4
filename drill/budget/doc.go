// Package budget computes how long the service may be away, for each fault, from what was declared: health-check intervals
// and thresholds, timeouts, drains, the time to live of names, the driver's settings. It is pure: drills compare what they measure
// with it, the policy holds it against the stack's objective, and the documents show its terms.
//
// A budget is a sum of terms in the order in which they happen. Each term says why it is there and which of AWS's
// documents it follows.
package budget
