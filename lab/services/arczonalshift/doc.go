// Package arczonalshift is zonal shift of Amazon Application Recovery Controller: it leads the traffic of a load
// balancer away from one zone, for a time. Package elasticloadbalancingv2 follows: the zone's node leaves DNS, and with
// cross-zone load balancing the zone's targets get no new requests.
//
// Managed resources are application load balancers that are active and have the attribute zonal_shift.config.enabled.
// A shift ends by itself when its time is over, also while the lab does not run. Zonal autoshift and its practice runs
// are refused by name, and so are resources of other kinds: nothing in the lab would start an autoshift.
package arczonalshift
