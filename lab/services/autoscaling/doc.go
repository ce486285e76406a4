// Package autoscaling is Amazon EC2 Auto Scaling: groups that keep their size, balanced over zones, replace what EC2
// or a balancer finds unhealthy, and roll to a new launch template.
//
// What a group has to do next is decided by pure functions (plan.go, refresh_plan.go) from the group, its instances
// and their targets' health; the reconciler carries it out in one transaction a pass, so a killed lab goes on where
// it was. Scaling policies keep records only: no metric is evaluated yet, and no alarm is made for one; simple and step
// policies can be executed by hand. Lifecycle hooks hold instances, but nobody is notified of them, and notification
// configurations are records, as there is no SNS yet. Launch configurations, warm pools, mixed instances, classic load
// balancers and predictive scaling are refused.
package autoscaling
