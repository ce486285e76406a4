// Package postgres runs Aurora PostgreSQL clusters as real PostgreSQL: one server a DB instance, each inside the
// namespace of its network interface, one writer and streaming readers.
//
// Aurora's instances share a storage volume that the customer's network never carries. Here each member has its own
// data directory and readers stream the writer's log over UNIX sockets, which likewise cross no security group. A
// commit is acknowledged only when a reader in another zone has flushed it too (as long as one streams; without, one in
// the writer's own), so that a promotion loses nothing that was acknowledged.
//
// One goroutine a cluster decides. Each round it observes every member, hands what it saw to the pure function decide
// and carries the answer out. What must outlive a kill (who the writer is, which readers may hold an acknowledged
// commit) is written to the cluster's state file before it is acted on:
//
//   - only the recorded writer is ever started without standby.signal;
//   - before another member is recorded as the writer, every process of the old one has been killed;
//   - a reader is promoted only when all recorded synchronous readers have been seen and it has what any of them has.
//
// A writer is lost when its process ends, when it leaves probes unanswered, when its network is dead (Options.Reach) or
// when its zone is declared down. It is fenced by killing its processes, whichever of these it was. ClusterSpec.Unfenced, a fault, leaves
// that out, and with it the second of the rules above.
//
// Files below the manager's folder, per cluster: state.json, archive/ (the log, from the first day), backups/ (base
// backups that it can be applied to), and per member store/ (data/ and base.img, the volume of its tables), conf/,
// postgres.log; volume/ is the store of a cluster that has no member at the moment.
package postgres
