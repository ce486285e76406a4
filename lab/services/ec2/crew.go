package ec2

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
	"haven/lab/realm/machine"
)

const (
	hands       = 4 // machines that boot at the same time
	startTries  = 3 // then the launch has failed
	bootTimeout = 60 * time.Second
)

// crew carries out effects on machines, one at a time for each, without holding up the reconciler.
type crew struct {
	service *Service
	slots   chan struct{}
	done    chan struct{} // something was finished
	group   sync.WaitGroup

	mu      sync.Mutex
	working map[string]int       // by instance
	tries   map[string]int       // failed starts in a row
	after   map[string]time.Time // when a failed start may be tried again
	told    map[string][]byte    // the facts that a running machine was last given
}

// task is one effect for one machine.
type task struct {
	effect effect
	region string
	id     string
	force  bool
	spec   machine.Spec
}

func newCrew(s *Service) *crew {
	return &crew{
		service: s, slots: make(chan struct{}, hands), done: make(chan struct{}, 1),
		working: map[string]int{}, tries: map[string]int{}, after: map[string]time.Time{}, told: map[string][]byte{},
	}
}

func (c *crew) wait() { c.group.Wait() }

// engaged returns the machines that something is being done to, or that wait for their next try. Take it before reading
// rows and observations: those of a machine that is not engaged then are no older than what was last done to it.
func (c *crew) engaged() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	engaged := map[string]bool{}
	for id := range c.working {
		engaged[id] = true
	}
	for id, at := range c.after {
		engaged[id] = engaged[id] || time.Now().Before(at)
	}
	return engaged
}

// nextTry tells when the first of the failed starts may be tried again; 0: there is none.
func (c *crew) nextTry() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var soonest time.Duration
	for _, at := range c.after {
		if wait := max(time.Until(at), time.Millisecond); soonest == 0 || wait < soonest {
			soonest = wait
		}
	}
	return soonest
}

// order prepares an effect and sends it off, if there is something to do and the machine's namespace is there.
func (c *crew) order(ctx context.Context, region string, row *instanceRow, wanted effect) error {
	one := task{effect: wanted, region: region, id: row.ID, force: row.ForceStop || wanted == effectPowerOff}
	if wanted == effectStart || wanted == effectRefresh {
		ready, err := c.brief(&one, row)
		if err != nil || !ready {
			return err
		}
	}
	c.send(ctx, one)
	return nil
}

// brief fills in the machine's spec; it is not ready while the network lacks its interface, and there is nothing to
// do for a machine that knows all already.
func (c *crew) brief(one *task, row *instanceRow) (ready bool, err error) {
	err = c.service.store.View(func(tx *cloud.Tx) error {
		one.spec, err = c.service.machineSpec(tx, one.region, row)
		return err
	})
	if err != nil || c.service.networks == nil {
		return false, err
	}
	namespace, ok := c.service.networks.Namespace(row.Interface)
	if !ok {
		return false, nil
	}
	raw, err := factsOf(one.spec)
	if err != nil {
		return false, err
	}
	one.spec.Namespace = namespace
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.effect == effectRefresh && bytes.Equal(c.told[one.id], raw) {
		return false, nil
	}
	c.told[one.id] = raw
	return true, nil
}

// factsOf encodes what a machine's metadata tells; what cannot be encoded never changes.
func factsOf(spec machine.Spec) ([]byte, error) {
	return json.Marshal(struct {
		machine.Spec
		Credentials, Namespace struct{} // these hide the spec's own
	}{Spec: spec})
}

func (c *crew) send(ctx context.Context, one task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.working[one.id] > 0 && !one.force || c.working[one.id] > 1 {
		return
	}
	c.working[one.id]++
	c.group.Go(func() {
		defer c.finish(one.id)
		if one.effect == effectStart { // only booting is work; an end is mostly waiting, and must not hold up a boot
			select {
			case c.slots <- struct{}{}:
				defer func() { <-c.slots }()
			case <-ctx.Done():
				return
			}
		}
		if err := c.carryOut(ctx, one); err != nil && ctx.Err() == nil {
			c.service.log.Warn("directing a machine", "effect", string(one.effect), "instance", one.id, "error", err)
		}
	})
}

func (c *crew) finish(id string) {
	c.mu.Lock()
	if c.working[id]--; c.working[id] == 0 {
		delete(c.working, id)
	}
	c.mu.Unlock()
	select {
	case c.done <- struct{}{}:
	default:
	}
}

func (c *crew) carryOut(ctx context.Context, one task) error {
	machines := c.service.machines
	switch one.effect {
	case effectStart, effectRefresh:
		return c.start(ctx, one)
	case effectStop:
		return machines.Stop(ctx, one.id, one.force)
	case effectReboot:
		err := machines.Reboot(ctx, one.id)
		return cmpErr(c.booted(one), err)
	case effectPowerOff:
		return machines.PowerOff(ctx, one.id)
	case effectDelete:
		if err := machines.Delete(ctx, one.id, one.force); err != nil {
			return err
		}
		return c.buried(one)
	}
	return fmt.Errorf("no such effect: %q", one.effect)
}

// start boots a machine. A launch that fails again and again is given up, as EC2 does: pending becomes terminated.
func (c *crew) start(ctx context.Context, one task) error {
	limited, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	err := c.service.machines.Start(limited, one.spec)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.tries, one.id)
		delete(c.after, one.id)
		if one.effect == effectRefresh {
			return nil
		}
		return c.booted(one)
	}
	if ctx.Err() != nil {
		return err
	}
	delete(c.told, one.id)
	c.tries[one.id]++
	c.after[one.id] = time.Now().Add(time.Second << c.tries[one.id])
	if c.tries[one.id] < startTries {
		return err
	}
	delete(c.tries, one.id)
	delete(c.after, one.id)
	gaveUp := func(row *instanceRow) { row.giveUp(err.Error()) }
	return cmpErr(c.service.changeInstance(one.region, one.id, types.InstanceStateNamePending, gaveUp), err)
}

// booted is when the machine of a running instance has been booted anew: its checks begin again, and a reboot that was
// wished for has been made.
func (c *crew) booted(one task) error {
	return c.service.changeInstance(one.region, one.id, types.InstanceStateNameRunning, func(row *instanceRow) {
		row.Reboot, row.Impaired, row.Checked = false, false, false
	})
}

// buried writes down that the machine of an instance that shut down is gone.
func (c *crew) buried(one task) error {
	c.mu.Lock()
	delete(c.told, one.id)
	delete(c.tries, one.id)
	delete(c.after, one.id)
	c.mu.Unlock()
	if one.region == "" {
		return nil // nobody's machine
	}
	return c.service.store.Update(func(tx *cloud.Tx) error {
		row, err := instances.Get(tx, one.region, one.id)
		if err != nil || row == nil || row.State != types.InstanceStateNameShuttingDown {
			return err
		}
		return c.service.bury(tx, one.region, row)
	})
}
