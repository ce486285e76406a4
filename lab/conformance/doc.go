// Package conformance states how the lab behaves, as tests over Amazon's own clients and real traffic. Each row of
// docs/assumptions.md that is about behaviour has its test here or beside the code that it is about.
package conformance
