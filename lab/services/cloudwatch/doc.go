// Package cloudwatch is the lab's CloudWatch: metrics that are really kept, at AWS's resolutions and for as long, with
// their statistics, percentiles and metric math; alarms on metrics, on expressions and on other alarms, evaluated each
// minute (or each ten seconds) by AWS's documented rules for missing data; their history, actions, suppressors and tags.
// Services of the lab measure through Record, and are called for an alarm's actions through OnAction.
//
// Alarms, their states, their history and the actions that are still to be done are rows of the store: what happened to
// an alarm and what follows from it are one transaction. Measurements have a file of their own (see package series); a
// lab that is killed may lose those of its last seconds. Dashboards are records whose bodies are checked to be JSON.
// Anomaly detection, metric streams, insight rules, PromQL and log alarms, mute rules and dynamic labels are refused.
package cloudwatch
