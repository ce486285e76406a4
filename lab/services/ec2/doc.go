// Package ec2 is Amazon EC2 with its VPC: networks, security groups, endpoints, addresses, launch templates and
// instances. It owns the declared state; the realm makes it true.
package ec2
