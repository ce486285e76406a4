// Package faults breaks what really runs, in ways that AWS has no call for: a zone's power, a disk, a process that
// hangs, a network that loses one way or is slow.
//
// The set of faults is in the store, and it is the only truth: what a fault does is computed from the whole set again and
// again, and the realm is made to follow. So each fault takes away its own effect only, however many overlap; a lab that
// was killed comes back with its faults in force; and a fault with an end heals by itself, whoever set it.
//
// What a fault does is a list of effects. Those on the network are read from here by the service that declares it
// (Impairments); the others are levers that their owners give, each level-triggered and safe to repeat. A fault is active
// when its effects were observed, not when they were asked for.
package faults
