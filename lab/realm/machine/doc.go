// Package machine runs EC2 instances: a process tree in its own network, mount, pid and UTS namespaces over a
// throw-away overlay of the host's root, with an init that boots the user data and supervises units, and the
// instance metadata service (version 2) at its usual address.
package machine
