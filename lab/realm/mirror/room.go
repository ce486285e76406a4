package mirror

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The images are sparse. Were the disk below them full, a write that the file system has room for would fail below it,
// and btrfs would give up writing altogether; so file servers say "no space" before.
const (
	reserve  = 512 << 20 // bytes of the host's disk that are left to the file systems' own records
	lookRoom = 50 * time.Millisecond
)

var lastRoom struct {
	sync.Mutex
	at   time.Time
	full bool
}

// room tells whether the disk below the images has any left. The descriptor was opened before the server confined itself.
func room() bool {
	lastRoom.Lock()
	defer lastRoom.Unlock()
	if time.Since(lastRoom.at) > lookRoom {
		var stat unix.Statfs_t
		err := unix.Fstatfs(diskFD, &stat)
		lastRoom.full, lastRoom.at = err == nil && int64(stat.Bavail)*stat.Bsize < reserve, time.Now()
	}
	return !lastRoom.full
}
