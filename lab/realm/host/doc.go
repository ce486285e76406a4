// Package host is the realm's grip on the kernel: network namespaces, sockets and processes inside them, and
// nftables rulesets. It keeps every handle inside the caller's mount namespace and changes nothing of the network
// namespace that the process itself lives in.
package host
