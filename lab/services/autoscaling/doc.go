// Package autoscaling is Amazon EC2 Auto Scaling. A reconciler (Run) keeps each group at its size, balanced over its
// zones: it launches and terminates through EC2, registers and drains through Elastic Load Balancing, replaces what
// EC2 or the balancers find unhealthy, and carries out instance refreshes, lifecycle hooks and scheduled actions.
// What it decides is pure (plan.go, advance.go, refresh_plan.go, victim.go); everything it has done is in the store, so that
// a killed lab continues where it was.
//
// Scaling policies are kept and can be executed by hand (ExecutePolicy); nothing evaluates their metrics yet, as there is no
// CloudWatch to measure them. DescribePolicies therefore lists no alarms, though AWS makes two per
// target-tracking policy. Metrics collection and notification configurations are records: nothing is collected and
// nothing is sent.
//
// Launch configurations, mixed instances policies, warm pools, classic load balancers, predictive scaling and
// Lambda termination policies are refused by name.
package autoscaling
