// Package balancer runs the nodes of application load balancers: per zone of a balancer one HAProxy in the network
// namespace of that zone's interface, and beside it, in the same namespace, the checker that probes the targets.
//
// A Spec is one node, as plain data; Config turns it into HAProxy's configuration without touching anything. Manager
// makes a list of specs true: Apply is given the whole desired state each time.
//
// The health checks follow AWS's rule that each request is independent of the ones before it and its duration does not move the
// next (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html), which
// HAProxy's own checks do not: they pause for the interval after each answer, so a black-holed target would be found
// seconds too late and the failure's kind would get lost. So each node probes its targets itself, from its own address, and
// tells its HAProxy at once; that verdict is what DescribeTargetHealth reports and what traffic follows.
//
// Every request is logged over a pipe as an Entry, from which metrics and AWS's logs are made.
//
// A change of listeners, rules, certificates or the set of targets reloads HAProxy: the listening sockets pass to a
// new worker and the old one finishes what it has begun. A change of a target's health, draining, zonal shift or share
// while it starts slowly is told to the running worker and reloads nothing.
//
// A node can be lost (Spec.Lost: killed, and silent as a machine without power) or hang (Spec.Hung: SIGSTOP).
package balancer
