package lab

import (
	"context"
	"fmt"
	"time"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// namesTick is how old an answer may be that follows what is observed, such as a balancer node's health.
const namesTick = 500 * time.Millisecond

// keepNames gives the resolvers what the services say, after each change and on a tick.
func (l *lab) keepNames(ctx context.Context) error {
	wake, stop := l.store.Watch()
	defer stop()
	tick := time.NewTicker(namesTick)
	defer tick.Stop()
	for {
		if err := l.refreshNames(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

func (l *lab) refreshNames() error {
	var all []dns.Record
	err := l.store.View(func(tx *cloud.Tx) error {
		for _, names := range l.services.namers() {
			records, err := names(tx)
			if err != nil {
				return err
			}
			all = append(all, records...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("collecting names: %w", err)
	}
	l.names.Replace(all)
	return nil
}
