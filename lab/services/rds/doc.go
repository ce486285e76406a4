// Package rds is Amazon RDS for Aurora PostgreSQL: clusters, their instances, endpoints, subnet and parameter groups,
// snapshots, events and managed master passwords.
//
// Servers really run (package lab/realm/postgres): a status is what was observed of them, the writer is the one that
// accepts writes, endpoints follow it by DNS, and parameters are settings of the servers. Engine versions 15 and 16 are
// accepted as AWS names them; what runs is the newest PostgreSQL installed (15 with Debian 12), which SQL's version()
// tells. Without privileges to run servers everything stays "creating", and the log says why.
//
// What happens to servers becomes RDS's events, with their ids and texts; subscriptions have topics told of them. What
// servers do is measured for CloudWatch. Faults that AWS has no call for have hooks: the power of a zone, a host that
// hangs, a volume without space.
//
// Only Aurora PostgreSQL in provisioned mode is there. Final and manual snapshots are real copies; restoring them is
// not implemented and says so. Storage encryption, performance insights, enhanced monitoring, backup windows and
// maintenance windows are records only.
package rds
