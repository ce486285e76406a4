// Package lab puts the embedded AWS region together: one store, the services over it, the realm that makes what they
// declare true, the API server in front, and the control socket beside it.
package lab
