// Package dns is the lab's resolver: the VPC's DNS server at 169.254.169.253, and what Route 53 answers. Names come
// from a table of records that is replaced whole; each asker, known by its VPC and zone, has its own view of it.
package dns
