// Package efs is Amazon EFS: file systems, mount targets, access points and their policies.
//
// Files are really there (package lab/realm/mirror): a file system is available when it is mounted over its zones'
// devices, a mount target when it listens in the namespace of its network interface. A file system's policy decides on
// every mount, by the identity that the client proves with the mount option iam. Without privileges file systems stay
// "creating" and the log says why.
//
// Records only: encryption at rest, throughput and performance modes, lifecycle (everything is on one storage class),
// and backup policies. Replication configurations are records too: nothing is copied to the other region, which
// shows in that no LastReplicatedTimestamp is ever told. One Zone file systems are not there.
package efs
