// Package traffic counts the requests that balancer nodes handled, second by second, for whoever looks on: what a
// dashboard shows, not what CloudWatch keeps. Each node's seconds are held for five minutes in a ring of fixed size, so
// that counting allocates nothing and reading goes over finished seconds only.
package traffic
