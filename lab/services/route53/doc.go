// Package route53 is Amazon Route 53: public and private hosted zones whose records the lab's resolvers answer, with
// simple, weighted, multivalue and alias records. Latency, geolocation, geoproximity, failover and CIDR routing are
// refused, and health checks only keep records: nothing probes yet.
//
// Changes are in force when the call returns, and answers carry no ChangeInfo (see docs/assumptions.md, R53-1).
package route53
