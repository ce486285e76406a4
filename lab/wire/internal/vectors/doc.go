// Package vectors runs Amazon's published protocol tests against the lab's protocols: each has a shape, a value of it and
// how a client writes it, or how a service does. The Go types that the SDK would have are made from the shapes.
package vectors
