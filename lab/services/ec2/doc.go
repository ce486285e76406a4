// Package ec2 is Amazon EC2 with its VPC: networks, security groups, endpoints, addresses, launch templates and
// instances. It owns the declared state; Run has the realm make it true and writes down what is seen.
//
// A handler checks its input, changes rows in one transaction, and returns; what follows from the rows is somebody
// else's: networkSpec, machineSpec and Names are functions of the store alone, and judge decides what an instance
// needs from its row and the observed machine. So a restart of the lab rebuilds everything from the store.
//
// Records only: volumes other than root ones, EBS encryption and automatic recovery. Without a realm NAT
// gateways and endpoints are records too, at once available, and instances stay pending with a reason.
package ec2
