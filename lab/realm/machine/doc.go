// Package machine runs EC2 instances: a process tree in its own network, mount, pid and UTS namespaces over a
// throw-away overlay of the host's root, with an init that boots the user data and supervises units, the instance
// metadata service (version 2) at its usual address, and what stands for Systems Manager's agent.
//
// The overlay's layer lies in a root volume of the declared size: a sparse image on a loop device, whose mount is in
// nobody's namespace but the machine's own, so that the kernel frees all of it with the machine. Processor time, memory
// and processes are limited by cgroups; what hits those limits is told on the machine's console.
package machine
