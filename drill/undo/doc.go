// Package undo remembers, in a file, what a drill has changed and not yet put back, and puts it back: after each fault, after a
// drill that failed, and before the next one when a drill was killed.
//
// Whatever breaks something writes down how to undo it first. Every undoing is idempotent, and none needs to know how far the drill came.
package undo
