// Package limits holds the application's limits on the time that a request may take. Drills compute from them how long a
// failover may be felt.
package limits

import "time"

// What a request for the ledger goes through.
const (
	Connect   = 2 * time.Second        // an attempt to reach one host of the database
	Statement = 4 * time.Second        // one statement; a server that says nothing is given up after it
	Pause     = 400 * time.Millisecond // the longest between two attempts
	Request   = 8 * time.Second        // all attempts of one request together
)

// Files is how long shared files may give no answer until the server that waits for them is not ready any more. It is part of how long
// the loss of a mount target may be felt.
const Files = 10 * time.Second
