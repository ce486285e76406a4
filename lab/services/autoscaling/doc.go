// Package autoscaling is Amazon EC2 Auto Scaling: groups that keep their size, balanced over zones, replace what EC2
// or a balancer finds unhealthy, follow the load by their policies, and roll to a new launch template.
//
// What a group has to do next is decided by pure functions from the group, its instances, their targets' health and
// the time: its size and balance (plan.go, size.go, zones.go, termination.go), its instance refresh (refresh_plan.go,
// refresh_settle.go), its desired capacity after an alarm (decide.go). The reconciler carries a plan out, each launch
// in a transaction of its own, so that a killed lab goes on where it was and a launch that EC2 refuses leaves nothing
// but its failed activity. What topics are told waits in a table until it is published.
//
// Launch configurations, warm pools, mixed instances, Spot Instances, classic load balancers, predictive scaling,
// zonal shift of a group, hooks that notify SQS queues, and custom termination policies are refused. Lifecycle and
// refresh events are not sent to EventBridge, as there is none.
package autoscaling
