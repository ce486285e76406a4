// Package vpc makes the declared network true: a router namespace a VPC, a namespace an interface, the internet
// beyond the gateways, and nftables that enforce security groups, network ACLs, NAT and firewall policies.
package vpc
