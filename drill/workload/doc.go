// Package workload is the client of a drill: it stands outside of the environment and asks for the site at a constant
// rate, through each balancer node in turn, whatever becomes of the requests before. It records and never judges.
//
// The site is the application's: /whoami, a ledger per tenant and shared files. Every append carries an idempotency key
// that its entry's body repeats, so that the ledger can be compared with what was sent; every file's content is told
// apart by its SHA-256.
package workload
