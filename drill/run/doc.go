// Package run carries scenarios out: steady state first, then load, then the fault as often as the scenario says, then
// full strength, then judgement. What it returns is a verdict with its reasons; what it writes is a folder that can be judged again.
//
// The load goes on through all of it and knows nothing of the fault. A drill that is interrupted puts everything back before it
// returns; one that is killed leaves a note for the next (package undo).
package run
