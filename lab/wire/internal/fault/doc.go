// Package fault names what can be wrong with a request before a handler sees it. The protocols' packages report a
// Problem; what code and status AWS gives it differs from service to service, and that is told here, in one table.
package fault
