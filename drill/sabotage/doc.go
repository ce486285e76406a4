// Package sabotage makes an environment worse than it promises to be, in ways that people really do, so that drills show that they can
// fail: each variant is caught by the drill that should catch it, which names the promise that was broken.
//
// Every change is made and put back through AWS's API, on something that the program declares: what a killed run leaves,
// scripts/pulumi up --refresh -s lab puts back. It is for a lab, and refuses anything else.
package sabotage
