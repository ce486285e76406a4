package vpc

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// Impairment is what is wrong with an interface's link beyond what is declared: the zero value is nothing.
type Impairment struct {
	// Down severs the interface: its zone has lost power, or a fault was injected. Mute loses only what it sends,
	// Deaf only what is sent to it.
	Down, Mute, Deaf bool
	// Rate is how fast the link is, in bits per second, each way; 0: as fast as the machine is.
	Rate int64
}

// Join returns what both do together: everything that either loses is lost, and the slower rate holds.
func (i Impairment) Join(other Impairment) Impairment {
	i.Down, i.Mute, i.Deaf = i.Down || other.Down, i.Mute || other.Mute, i.Deaf || other.Deaf
	if i.Rate == 0 || other.Rate != 0 && other.Rate < i.Rate {
		i.Rate = other.Rate
	}
	return i
}

// Covers tells whether all of other is in force where i is.
func (i Impairment) Covers(other Impairment) bool {
	mute, deaf := i.Down || i.Mute, i.Down || i.Deaf
	return (mute || !other.Mute && !other.Down) && (deaf || !other.Deaf && !other.Down) &&
		(other.Rate == 0 || i.Rate != 0 && i.Rate <= other.Rate)
}

// Impairments reads from the kernel what is wrong with interfaces: an interface that is severed is mute and deaf. One
// that has no link is not in the answer.
func (n *Network) Impairments(ctx context.Context, interfaces []string) (map[string]Impairment, error) {
	n.applying.Lock()
	defer n.applying.Unlock()
	wanted := map[string]bool{}
	for _, id := range interfaces {
		wanted[id] = true
	}
	found := map[string]Impairment{}
	severed := map[string]map[string]Impairment{} // by router and link
	for _, l := range n.links {
		if !wanted[l.Far.Space] {
			continue
		}
		router, ok := n.space(l.Near.Space)
		if !ok {
			continue
		}
		if severed[l.Near.Space] == nil {
			read, err := router.severed(ctx)
			if err != nil {
				return nil, err
			}
			severed[l.Near.Space] = read
		}
		impairment := severed[l.Near.Space][l.Near.Name]
		rate, err := n.rate(l)
		if err != nil {
			return nil, err
		}
		impairment.Rate = rate
		found[l.Far.Space] = impairment
	}
	return found, nil
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

// severed reads the router's sets of links that lose what they should carry.
func (l *liveSpace) severed(ctx context.Context) (map[string]Impairment, error) {
	all := map[string]Impairment{}
	for _, set := range []string{"mute", "deaf"} {
		text, err := l.ns.Run(ctx, "", "nft", "list", "set", "ip", "haven", set)
		if err != nil {
			return nil, fmt.Errorf("reading the faults of %s: %w", l.ns.Name(), err)
		}
		_, elements, _ := strings.Cut(text, "elements")
		for _, match := range quoted.FindAllStringSubmatch(elements, -1) {
			impairment := all[match[1]]
			impairment.Mute, impairment.Deaf = impairment.Mute || set == "mute", impairment.Deaf || set == "deaf"
			all[match[1]] = impairment
		}
	}
	return all, nil
}
