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

// Ask returns a type's records of a name as the asker sees them, after following CNAMEs and aliases, and whether the name
// exists at all.
func (t *Table) Ask(asker Asker, name, typ string) (values []string, exists bool) {
	a := t.resolve(asker, canonical(name), typ)
	for _, v := range a.records {
		if v.typ == typ {
			values = append(values, v.data)
		}
	}
	return values, a.exists
}

// Lookup returns the values of a name as the asker sees them, after following CNAMEs and aliases; none: there are none.
func (t *Table) Lookup(asker Asker, name, typ string) []string {
	values, _ := t.Ask(asker, name, typ)
	return values
}

func (t *Table) resolve(asker Asker, name, typ string) answer {
	x := t.index.Load()
	owner := name // an alias answers under its own name
	var chain []value
	aliased := false
	for range maxChain {
		a := t.find(x, asker, name)
		found, alias := pick(a.seen, typ)
		if alias != "" {
			name, aliased = canonical(alias), true
			continue
		}
		if next, alias := pick(a.seen, TypeCNAME); typ != TypeCNAME && len(next)+len(alias) > 0 {
			if alias != "" {
				name, aliased = canonical(alias), true
				continue
			}
			next[0].name = owner
			chain = append(chain, next[0])
			name = canonical(next[0].data)
			owner, aliased = name, false
			continue
		}
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

// pick returns the values of a type in random order, or the name that has them: of one of the sets, where there are
// several.
func pick(records []Record, typ string) (values []value, alias string) {
	sets := map[string][]Record{}
	for _, r := range records {
		if r.Type == typ {
			sets[r.Set] = append(sets[r.Set], r)
		}
	}
	if len(sets) == 0 {
		return nil, ""
	}
	chosen := sets[draw(sets)]
	ttl := chosen[0].TTL
	for _, r := range chosen {
		ttl = min(ttl, r.TTL)
	}
	for _, r := range chosen {
		if r.Alias != "" {
			return nil, r.Alias
		}
		for _, data := range r.Values {
			values = append(values, value{name: r.Name, typ: typ, ttl: ttl, data: data})
		}
	}
	rand.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	if typ == TypeA || typ == TypeAAAA {
		values = values[:min(len(values), maxValues)]
	}
	return values, ""
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
