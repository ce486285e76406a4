package dns

// Record is one set of values that a name has. Services give the records of what they own; the table merges them.
//
// Records with the same name and type merge their values, which are answered in random order (eight addresses at
// most), unless they have different Sets: then each query gets one of the sets, chosen at random by Weight, as Route
// 53's weighted policy does.
type Record struct {
	Name   string // case and a trailing dot do not matter; a first label "*" matches any name below
	Type   string // one of the Type constants
	TTL    int    // seconds
	Values []string
	// VPC is the VPC whose interfaces see the record; empty: everyone does. A private record hides a public one.
	VPC string
	// Zone, such as "us-east-1a", is where an asker must be to see the record; empty: anywhere.
	Zone string
	// Region is the same for a whole region; askers outside count as being in OutsideRegion. Empty: anywhere.
	Region string
	// Alias is the name whose records of this type answer instead of Values, as Route 53's aliases do.
	Alias string
	// Set tells apart alternatives of one name and type; empty: the values are merged.
	Set string
	// Weight of a set among its alternatives: zero is never chosen, unless all are zero, then all are equally likely.
	Weight int
}

// Types of records.
const (
	TypeA     = "A"     // values are IPv4 addresses
	TypeAAAA  = "AAAA"  // values are IPv6 addresses
	TypeCNAME = "CNAME" // the value is a name
	TypeTXT   = "TXT"   // each value is one string
	TypeSRV   = "SRV"   // values are "priority weight port target"
	TypePTR   = "PTR"   // the value is a name
	TypeNS    = "NS"    // values are names
	TypeMX    = "MX"    // values are "preference name"
	// TypeSOA marks the apex of a hosted zone: below it (with VPC: in that VPC) only what the table has exists. The
	// value is as Route 53 writes it: "ns-… hostmaster… serial refresh retry expire minimum"; it may be left out.
	TypeSOA = "SOA"
)

// OutsideRegion is the region that is closest to the lab's internet.
const OutsideRegion = "us-east-1"
