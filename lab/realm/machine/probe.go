package machine

import (
	"context"
	"time"
)

const (
	probeEvery   = 10 * time.Second
	probeTimeout = 20 * time.Second // of a machine that is busy, too: all of its memory and processes may be in use
)

// probe asks the init again and again whether it answers, until the process ends.
func (i *instance) probe(p *process) {
	for wait := time.Duration(0); ; wait = probeEvery {
		select {
		case <-p.ended:
			return
		case <-time.After(wait):
		}
		health := HealthOK
		if p.ping(probeTimeout) != nil {
			health = HealthFailed
		}
		i.mu.Lock()
		changed := i.process == p && i.health != health
		if changed {
			i.health = health
		}
		i.mu.Unlock()
		if changed {
			i.manager.notify()
		}
	}
}

func (p *process) ping(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return p.post(ctx, "/health", nil, nil)
}
