package vpc

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// shape is a rate that what leaves by a link keeps to, in bits per second. Both ends of an interface's link have one,
// so that both ways are slow.
type shape struct {
	Link string
	Rate int64
}

// A shaped link lets a burst through at once, which must hold the largest packet, and queues up to a quarter of a
// second or what a TCP sender hands over at once; what is more is dropped, as by a full line.
const (
	shapeBurst = 16 << 10
	shapeQueue = 128 << 10
	shapeDelay = 4 // parts of a second
)

// shapes returns the shape of one end of an interface's link, if there is one.
func (i *Interface) shapes(link string) []shape {
	if i.Rate == 0 {
		return nil
	}
	return []shape{{Link: link, Rate: i.Rate}}
}

func (l *liveSpace) setShapes(want []shape) error {
	var errs []error
	wanted := map[string]bool{}
	for _, s := range want {
		wanted[s.Link] = true
		if l.shapes[s.Link] == s.Rate {
			continue
		}
		if err := l.ns.Netlink().QdiscReplace(bucket(l.index[s.Link], s.Rate)); err != nil {
			errs = append(errs, fmt.Errorf("slowing %s down to %d bit/s: %w", s.Link, s.Rate, err))
			continue
		}
		l.shapes[s.Link] = s.Rate
	}
	for link, rate := range l.shapes {
		if wanted[link] {
			continue
		}
		if err := l.ns.Netlink().QdiscDel(bucket(l.index[link], rate)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("giving %s its speed back: %w", link, err))
			continue
		}
		delete(l.shapes, link)
	}
	return errors.Join(errs...)
}

// bucket is the kernel's token bucket filter (tc-tbf(8)) for a rate in bits per second.
func bucket(link int, rate int64) *netlink.Tbf {
	bytes := max(uint64(rate)/8, 1)
	burst := max(bytes/100, shapeBurst)
	microseconds := float64(burst) * netlink.TIME_UNITS_PER_SEC / float64(bytes)
	return &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       bytes, Buffer: uint32(microseconds * netlink.TickInUsec()), Limit: uint32(max(bytes/shapeDelay, shapeQueue) + burst),
	}
}

// rate reads from the kernel how fast a link is, in bits per second; 0: it is not shaped at both ends.
func (n *Network) rate(l link) (int64, error) {
	fastest := int64(0)
	for _, e := range []end{l.Near, l.Far} {
		live, ok := n.space(e.Space)
		if !ok {
			return 0, nil
		}
		all, err := live.ns.Netlink().QdiscList(live.link(e.Name))
		if err != nil {
			return 0, fmt.Errorf("reading how fast %s of %s is: %w", e.Name, e.Space, err)
		}
		found := int64(0)
		for _, one := range all {
			if shaped, ok := one.(*netlink.Tbf); ok {
				found = int64(shaped.Rate) * 8
			}
		}
		if found == 0 {
			return 0, nil
		}
		fastest = max(fastest, found)
	}
	return fastest, nil
}
