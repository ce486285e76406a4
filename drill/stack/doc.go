// Package stack opens a stack as the target of drills: the lab's through the project's own commands, which alone know the lab's
// inside, another one through the credentials that AWS's SDK finds.
package stack
