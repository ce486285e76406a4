// Package autoscaling is Amazon EC2 Auto Scaling: groups that keep their size, balanced over zones, replace what EC2
// or a balancer finds unhealthy, and roll to a new launch template.
//
// What a group has to do next is decided by pure functions (plan.go, refresh_plan.go) from the group, its instances
// and their targets' health; the reconciler carries it out in one transaction a pass, so a killed lab goes on where
// it was. Scaling policies keep records only: no metric is evaluated yet, and no alarm is made for one. Lifecycle
// hooks, warm pools, scheduled actions, mixed instances and notifications are refused.
package autoscaling
