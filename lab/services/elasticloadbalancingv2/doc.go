// Package elasticloadbalancingv2 is Elastic Load Balancing: application load balancers with their listeners, rules,
// certificates and target groups. Package balancer runs the nodes; their verdict is DescribeTargetHealth.
//
// A reconciler (Run) builds the nodes' specs from the store, hands them to the realm and writes back what it
// observes: which node runs, which target is healthy, which has drained. Without a realm the API keeps records only:
// balancers are active at once and targets stay "initial", because nothing checks them.
//
// The nodes tell of every request: what CloudWatch gets, and the access and connection logs, come from that. A node is
// in DNS by its own view of the targets and by checks from outside; package arczonalshift leads traffic away from a
// zone. SetZoneDown, SetNodeDown and Suspend break nodes from outside.
//
// Network and gateway load balancers, Lambda and balancer targets, gRPC, authentication actions, rewrites, mutual
// TLS and IPv6 are refused by name. A web ACL that is associated with a balancer is recorded by WAF; the nodes do
// not evaluate its rules.
package elasticloadbalancingv2
