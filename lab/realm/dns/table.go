package dns

import (
	"slices"
	"strings"
	"sync/atomic"
)

// Table is what names there are. It is read by any number of resolvers while it is replaced whole.
type Table struct {
	index    atomic.Pointer[index]
	services Services
}

// NewTable returns a table without records, in which only the AWS services have names.
func NewTable(services Services) *Table {
	t := &Table{services: services}
	t.Replace(nil)
	return t
}

// Replace sets all records; queries that begin afterwards see them.
func (t *Table) Replace(records []Record) { t.index.Store(newIndex(records)) }

// index finds records by their owner: a VPC (empty: public) and a name.
type index struct {
	names map[owner][]Record
	apex  map[owner]Record // the hosted zones
	nodes map[owner]bool   // names that exist because there are names below them
}

type owner struct{ vpc, name string }

func newIndex(records []Record) *index {
	x := &index{names: map[owner][]Record{}, apex: map[owner]Record{}, nodes: map[owner]bool{}}
	for _, r := range records {
		r.Name = canonical(r.Name)
		o := owner{r.VPC, r.Name}
		x.names[o] = append(x.names[o], r)
		if r.Type == TypeSOA {
			x.apex[o] = r
		}
		for name := r.Name; name != ""; name = parent(name) {
			x.nodes[owner{r.VPC, name}] = true
		}
	}
	return x
}

// at returns the records of a name that someone sees who asks from a zone: its own, or those of the closest wildcard unless
// the name, or a name between, exists (RFC 4592).
func (x *index) at(vpc, name, zone string) []Record {
	o := owner{vpc, name}
	if x.nodes[o] {
		return visible(x.names[o], zone)
	}
	for up := parent(name); up != ""; up = parent(up) {
		if wild := x.names[owner{vpc, "*." + up}]; len(wild) > 0 {
			return visible(wild, zone)
		}
		if x.nodes[owner{vpc, up}] {
			return nil
		}
	}
	return nil
}

func (x *index) exists(vpc, name, zone string) bool {
	return x.nodes[owner{vpc, name}] || len(x.at(vpc, name, zone)) > 0
}

// hostedZone returns the closest hosted zone that the name is in.
func (x *index) hostedZone(vpc, name string) (Record, bool) {
	for ; name != ""; name = parent(name) {
		if apex, ok := x.apex[owner{vpc, name}]; ok {
			return apex, true
		}
	}
	return Record{}, false
}

func visible(records []Record, zone string) []Record {
	if !slices.ContainsFunc(records, func(r Record) bool { return r.Zone != "" || r.Region != "" }) {
		return records
	}
	region := regionOf(zone)
	var seen []Record
	for _, r := range records {
		if (r.Zone == "" || r.Zone == zone) && (r.Region == "" || r.Region == region) {
			seen = append(seen, r)
		}
	}
	return seen
}

// regionOf returns the region of a zone.
func regionOf(zone string) string {
	if zone == "" {
		return OutsideRegion
	}
	return zone[:len(zone)-1]
}

// canonical returns a name in lower case without its trailing dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// parent returns the name without its first label; empty: the root.
func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}
