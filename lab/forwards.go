package lab

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"haven/lab/cloud"
	"haven/lab/control"
	"haven/lab/realm/vpc"
	"haven/lab/services/elasticloadbalancingv2"
)

// forwards lead from loopback addresses of the host to the nodes of internet-facing balancers: 127.80.B.Z, where B
// counts balancers and Z is the zone's letter (a is 1). On each the node's own ports are open.
type forwards struct {
	lab *lab

	mu     sync.Mutex
	open   map[forward]*vpc.Forwarder
	nodes  []control.Node
	warned map[forward]string
}

type forward struct{ from, to netip.AddrPort }

// number is a balancer's place in the loopback addresses. It is kept, so that an address never changes its meaning
// while its balancer lives.
type number struct{ Balancer string }

// Gone is always true: a place is no resource of the account.
func (*number) Gone() bool { return true }

var numbers = cloud.NewTable[number]("lab.forwards")

const (
	forwardsTick = 500 * time.Millisecond
	mostNumbers  = 250
)

func newForwards(l *lab) *forwards {
	return &forwards{lab: l, open: map[forward]*vpc.Forwarder{}, warned: map[forward]string{}}
}

func (f *forwards) run(ctx context.Context) error {
	wake, stop := f.lab.store.Watch()
	defer stop()
	tick := time.NewTicker(forwardsTick)
	defer tick.Stop()
	defer f.apply(context.Background(), nil)
	for {
		var nodes []elasticloadbalancingv2.Node
		err := f.lab.store.View(func(tx *cloud.Tx) (err error) {
			nodes, err = f.lab.services.balancers.Nodes(tx)
			return err
		})
		if err != nil {
			return err
		}
		placed, err := f.place(nodes)
		if err != nil {
			return err
		}
		f.apply(ctx, placed)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// place gives each public node its loopback address.
func (f *forwards) place(nodes []elasticloadbalancingv2.Node) ([]control.Node, error) {
	alive := map[string]bool{}
	for _, node := range nodes {
		alive[node.ARN] = true
	}
	byBalancer, err := f.number(alive)
	if err != nil {
		return nil, err
	}
	var placed []control.Node
	for _, node := range nodes {
		if !node.Public.IsValid() {
			continue
		}
		state := node.State
		if !node.Running {
			state = "not running: " + node.Reason
		}
		placed = append(placed, control.Node{
			Balancer: node.Balancer, Zone: node.Zone, Public: node.Public.String(), Ports: node.Ports, State: state,
			Address: loopback(byBalancer[node.ARN], node.Zone).String(),
		})
	}
	slices.SortFunc(placed, func(a, b control.Node) int { return strings.Compare(a.Address, b.Address) })
	return placed, nil
}

func loopback(balancer int, zone string) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 80, byte(balancer), zone[len(zone)-1] - 'a' + 1})
}

// number returns each balancer's number, giving new ones the lowest that is free.
func (f *forwards) number(alive map[string]bool) (map[string]int, error) {
	byBalancer := map[string]int{}
	var changed bool
	read := func(tx *cloud.Tx) error {
		clear(byBalancer)
		for n := 1; n <= mostNumbers; n++ {
			row, err := numbers.Get(tx, cloud.Global, fmt.Sprintf("%03d", n))
			if err != nil {
				return err
			}
			if row != nil && alive[row.Balancer] {
				byBalancer[row.Balancer] = n
			}
		}
		changed = len(byBalancer) != len(alive)
		return nil
	}
	if err := f.lab.store.View(read); err != nil || !changed {
		return byBalancer, err
	}
	return byBalancer, f.lab.store.Update(func(tx *cloud.Tx) error {
		if err := read(tx); err != nil {
			return err
		}
		taken := map[int]bool{}
		for _, n := range byBalancer {
			taken[n] = true
		}
		for _, arn := range slices.Sorted(maps.Keys(alive)) {
			if byBalancer[arn] != 0 {
				continue
			}
			n := 1
			for taken[n] {
				n++
			}
			if n > mostNumbers {
				return fmt.Errorf("giving balancers loopback addresses: there are more than %d", mostNumbers)
			}
			taken[n], byBalancer[arn] = true, n
			if err := numbers.Put(tx, cloud.Global, fmt.Sprintf("%03d", n), &number{Balancer: arn}); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply opens and closes forwarders until they are those of the nodes.
func (f *forwards) apply(ctx context.Context, nodes []control.Node) {
	wanted := map[forward]bool{}
	for _, node := range nodes {
		for _, port := range node.Ports {
			wanted[forward{
				from: netip.AddrPortFrom(netip.MustParseAddr(node.Address), uint16(port)),
				to:   netip.AddrPortFrom(netip.MustParseAddr(node.Public), uint16(port)),
			}] = true
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes = nodes
	for pair, forwarder := range f.open {
		if !wanted[pair] {
			delete(f.open, pair)
			_ = forwarder.Close() // always nil
		}
	}
	for pair := range wanted {
		if f.open[pair] == nil {
			f.start(ctx, pair)
		}
	}
}

func (f *forwards) start(ctx context.Context, pair forward) {
	forwarder, err := f.lab.realm.network.Forward(ctx, pair.from, pair.to)
	if err == nil {
		f.open[pair] = forwarder
		delete(f.warned, pair)
		return
	}
	if f.warned[pair] != err.Error() { // once, not on each tick
		f.warned[pair] = err.Error()
		f.lab.log.Error("a balancer's node can't be reached from the host", "error", err)
	}
}

// list returns the nodes that lead into the lab.
func (f *forwards) list() []control.Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.nodes)
}
