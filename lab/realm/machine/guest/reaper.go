package guest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// reaper waits for every child: those that were started here, and orphans, which become the first process's children.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan unix.WaitStatus
}

// newReaper starts reaping.
func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan unix.WaitStatus{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		for range ended {
			for r.one() {
			}
		}
	}()
	return r
}

// one reaps one child, if there is one to reap. Under the lock, no child can be reaped before start has noted it.
func (r *reaper) one() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err == unix.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if ch, ok := r.waiting[pid]; ok {
		delete(r.waiting, pid)
		ch <- status
	}
	return true
}

// start starts a command whose outputs are files (never buffers: nobody calls its Wait) and returns where its end is told.
func (r *reaper) start(cmd *exec.Cmd) (pid int, ended <-chan unix.WaitStatus, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	ch := make(chan unix.WaitStatus, 1)
	pid = cmd.Process.Pid
	r.waiting[pid] = ch
	// When memory is short the kernel takes these before the first process, whose end would be the instance's.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0) // it may have ended
	return pid, ch, cmd.Process.Release()
}
