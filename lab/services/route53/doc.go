// Package route53 is Amazon Route 53: public and private hosted zones whose records the lab's resolvers answer, with
// simple, weighted, failover, multivalue, latency and alias records. Geolocation, geoproximity and CIDR routing are
// refused.
//
// Health checks really probe, from the lab's internet (HTTP, HTTPS, TCP, strings in bodies), are calculated from others or
// follow CloudWatch alarms. Resolvers are given the records that may answer as health checks stand: whoever asks next
// gets the change, as soon as the time to live of what it holds is over. Without privileges nothing is probed, and
// statuses stay as they are.
//
// Changes are in force when the call returns, and answers carry no ChangeInfo (see docs/assumptions.md, R53-1).
package route53
