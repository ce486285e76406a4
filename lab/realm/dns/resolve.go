package dns

import (
	"math/rand/v2"
	"slices"
)

// Asker is who asks: names differ by VPC, and some by zone. The zero Asker is someone on the internet.
type Asker struct {
	VPC  string
	Zone string
}

// answer is what is known of a name and type.
type answer struct {
	records  []value // in the order of the chain
	exists   bool    // false: NXDOMAIN
	apex     Record  // the hosted zone that says so, when there is one
	hasApex  bool
	loopedAt string // a chain that never ends
}

// value is one resource record.
type value struct {
	name, typ string
	ttl       int
	data      string
}

const (
	// maxChain is how many CNAMEs and aliases are followed.
	maxChain = 8
	// maxValues is how many addresses an answer has at most, as in Route 53's multi-value answers:
	// https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-multivalue.html
	maxValues   = 8
	servicesTTL = 60
)

// Lookup returns the values of a name as the asker sees them, after following CNAMEs and aliases; none: there are none.
func (t *Table) Lookup(asker Asker, name, typ string) []string {
	var values []string
	for _, v := range t.resolve(asker, canonical(name), typ).records {
		if v.typ == typ {
			values = append(values, v.data)
		}
	}
	return values
}

func (t *Table) resolve(asker Asker, name, typ string) answer {
	x := t.index.Load()
	owner := name // an alias answers under its own name
	var chain []value
	aliased := false
	for range maxChain {
		a := t.find(x, asker, name)
		next := pick(a.seen, TypeAlias)
		if len(next) > 0 && (typ == TypeA || typ == TypeAAAA) {
			name, aliased = canonical(next[0].data), true
			continue
		}
		if next = pick(a.seen, TypeCNAME); len(next) > 0 && typ != TypeCNAME {
			next[0].name = owner
			chain = append(chain, next[0])
			name = canonical(next[0].data)
			owner, aliased = name, false
			continue
		}
		found := pick(a.seen, typ)
		for i := range found {
			found[i].name = owner
		}
		return answer{records: append(chain, found...), exists: a.exists || aliased, apex: a.apex, hasApex: a.hasApex}
	}
	return answer{records: chain, exists: true, loopedAt: name}
}

// finding is what is known of one name.
type finding struct {
	seen    []Record
	exists  bool
	apex    Record
	hasApex bool
}

// find looks at the asker's VPC first: a private name hides a public one, and so does a private hosted zone
// (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html).
func (t *Table) find(x *index, asker Asker, name string) finding {
	if asker.VPC != "" {
		if seen := x.at(asker.VPC, name, asker.Zone); len(seen) > 0 {
			return finding{seen: seen, exists: true}
		}
		if apex, ok := x.hostedZone(asker.VPC, name); ok {
			return finding{exists: x.exists(asker.VPC, name, asker.Zone), apex: apex, hasApex: true}
		}
	}
	apex, inZone := x.hostedZone("", name)
	seen := x.at("", name, asker.Zone)
	if len(seen) == 0 && !inZone {
		if a := t.services.address(name); a != "" {
			return finding{exists: true, seen: []Record{{Name: name, Type: TypeA, TTL: servicesTTL, Values: []string{a}}}}
		}
	}
	exists := len(seen) > 0 || x.exists("", name, asker.Zone)
	return finding{seen: seen, exists: exists, apex: apex, hasApex: inZone}
}

// pick returns the values of a type in random order: of one of the sets, where there are several.
func pick(records []Record, typ string) []value {
	sets := map[string][]Record{}
	for _, r := range records {
		if r.Type == typ {
			sets[r.Set] = append(sets[r.Set], r)
		}
	}
	if len(sets) == 0 {
		return nil
	}
	chosen := sets[draw(sets)]
	ttl := chosen[0].TTL
	for _, r := range chosen {
		ttl = min(ttl, r.TTL)
	}
	var values []value
	for _, r := range chosen {
		for _, data := range r.Values {
			values = append(values, value{name: r.Name, typ: typ, ttl: ttl, data: data})
		}
	}
	rand.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	if typ == TypeA || typ == TypeAAAA {
		values = values[:min(len(values), maxValues)]
	}
	return values
}

// draw returns the name of a set, chosen by weight.
func draw(sets map[string][]Record) string {
	names := make([]string, 0, len(sets))
	total := 0
	for name, records := range sets {
		names = append(names, name)
		total += records[0].Weight
	}
	slices.Sort(names)
	if total == 0 {
		return names[rand.IntN(len(names))]
	}
	n := rand.IntN(total)
	for _, name := range names {
		if n -= sets[name][0].Weight; n < 0 {
			return name
		}
	}
	return names[0]
}
