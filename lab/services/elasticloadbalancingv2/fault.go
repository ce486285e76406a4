package elasticloadbalancingv2

import "sync"

// faults are what was done to nodes from outside. Nothing of it is kept: who does it says so again after a restart.
type faults struct {
	mu    sync.Mutex
	zones map[[2]string]bool // by region and zone: without power
	lost  map[[3]string]bool // by region, balancer and zone
	hung  map[[3]string]bool
	wake  chan struct{}
}

func newFaults() *faults {
	return &faults{zones: map[[2]string]bool{}, lost: map[[3]string]bool{}, hung: map[[3]string]bool{}, wake: make(chan struct{}, 1)}
}

// SetZoneDown takes the power from every balancer node of a zone, or gives it back: its HAProxy is killed, nothing
// answers at its address any more, and it leaves DNS once health checks find out. It may be repeated.
func (s *Service) SetZoneDown(region, zone string, down bool) {
	setFault(s.faults, s.faults.zones, [2]string{region, zone}, down)
}

// SetNodeDown is SetZoneDown for one balancer's node in the zone. The balancer is its name or ARN.
func (s *Service) SetNodeDown(region, balancer, zone string, down bool) {
	setFault(s.faults, s.faults.lost, [3]string{region, balancer, zone}, down)
}

// Suspend lets the processes of a balancer's node in the zone stand still (SIGSTOP), or go on. It may be repeated.
func (s *Service) Suspend(region, balancer, zone string, on bool) {
	setFault(s.faults, s.faults.hung, [3]string{region, balancer, zone}, on)
}

func setFault[Key comparable](f *faults, set map[Key]bool, key Key, on bool) {
	f.mu.Lock()
	before := set[key]
	if on {
		set[key] = true
	} else {
		delete(set, key)
	}
	f.mu.Unlock()
	if before != on {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// of returns what is done to a node.
func (f *faults) of(region string, b *loadBalancer, zone string) (lost, hung bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{b.ARN, b.Name} {
		key := [3]string{region, name, zone}
		lost, hung = lost || f.lost[key], hung || f.hung[key]
	}
	return lost || f.zones[[2]string{region, zone}], hung
}
