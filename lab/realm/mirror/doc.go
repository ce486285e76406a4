// Package mirror is EFS as real disks and real mounts. A file system is btrfs RAID1 over one loop device a zone: lose
// one and everything is still read and written, give it back and it is healed and scrubbed. A mount target is a TCP
// listener on port 2049 in the namespace of its network interface.
//
// The kernel here has neither an NFS client nor an NFS server, but it has FUSE. So what crosses the network is FUSE's
// own protocol: mount.efs (this same program, see Dispatch) mounts /dev/fuse in the instance and carries its messages
// to the mount target, where one process a connection answers them with go-fuse's loopback file system, confined to the
// file system's root or the access point's directory and running as its POSIX user. That gives what EFS documents and
// what a user-space NFS would have to imitate: fsync that reaches the disks, O_EXCL, rename, links, advisory locks
// between instances, and close-to-open consistency, because nothing is cached across an open and a close flushes.
// https://docs.aws.amazon.com/efs/latest/ug/features.html#consistency
//
// A connection begins with one line of JSON each way (request and reply), inside TLS when the client asked for it.
package mirror
