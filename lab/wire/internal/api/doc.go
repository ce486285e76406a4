// Package api is what the wire's protocols have in common: a request whose body is at hand, an operation that is
// joined to its handler's types, and the interface that each protocol fulfils.
package api
