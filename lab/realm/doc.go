// Package realm holds what really runs in the lab. Each package below it takes a plain declaration of one kind of
// thing (its Spec, the desired state), makes it true with namespaces, processes and disks, and reports what it
// observes. The realm knows no API, no store and no service: services translate their rows into specs and back.
//
// Every Apply is idempotent and level-triggered: it is given the whole desired state, each time.
package realm
