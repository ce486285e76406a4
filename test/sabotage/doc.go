// Package sabotage shows that drills can fail: it builds a lab's environment wrong, one way after the other, and each has to be caught.
package sabotage
