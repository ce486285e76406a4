package vpc

import "net/netip"

// Spec is the whole desired network of the lab: every VPC of every region.
type Spec struct {
	VPCs []VPC
}

// VPC is one virtual network: a router namespace to which every interface is attached by a link of its own.
type VPC struct {
	ID              string
	Region          string
	CIDRs           []netip.Prefix
	InternetGateway string // the attached gateway's id; empty: none
	Subnets         []Subnet
	RouteTables     []RouteTable
	NetworkACLs     []NetworkACL
	SecurityGroups  []SecurityGroup
	PrefixLists     []PrefixList
	Interfaces      []Interface
	// FlowLogs has the flows of the VPC's interfaces counted, see Options.Flows.
	FlowLogs bool
}

// Subnet is a range of addresses in one zone, with the tables that apply to it.
type Subnet struct {
	ID         string
	Zone       string // such as "us-east-1a"
	CIDR       netip.Prefix
	RouteTable string // the associated table, or the VPC's main one
	NetworkACL string
}

// RouteTable is a list of routes; the longest matching prefix wins. The local route is implied.
type RouteTable struct {
	ID     string
	Routes []Route
	// Gateway is set on an edge table: it routes what enters the VPC through this internet gateway.
	Gateway string
}

// Route sends a destination, a prefix or a prefix list, to a target.
type Route struct {
	Destination netip.Prefix
	PrefixList  string
	Target      Target
}

// TargetKind tells what a route points to.
type TargetKind string

// The targets that the lab routes to.
const (
	TargetInternetGateway  TargetKind = "internet-gateway"
	TargetNATGateway       TargetKind = "nat-gateway"       // by the gateway's interface
	TargetFirewallEndpoint TargetKind = "firewall-endpoint" // by the endpoint's interface
	TargetGatewayEndpoint  TargetKind = "gateway-endpoint"  // S3 or DynamoDB: straight to the AWS services
	TargetInterface        TargetKind = "network-interface"
	TargetBlackhole        TargetKind = "blackhole" // what it pointed to is gone
)

// Target is where a route leads. ID is an interface's id for the kinds that go through one, else the gateway's own.
type Target struct {
	Kind TargetKind
	ID   string
}

// NetworkACL is a subnet's stateless filter.
type NetworkACL struct {
	ID      string
	Ingress []ACLEntry // in the order of their rule numbers
	Egress  []ACLEntry
}

// ACLEntry allows or denies what matches. Numbers are as EC2 has them.
type ACLEntry struct {
	Number   int
	Protocol int // IANA number; -1: all
	CIDR     netip.Prefix
	FromPort int // with protocol 6 or 17; for 1 the ICMP type and code, -1: all
	ToPort   int
	Allow    bool
}

// SecurityGroup is an interface's stateful filter: what no rule allows is dropped.
type SecurityGroup struct {
	ID      string
	Ingress []GroupRule
	Egress  []GroupRule
}

// GroupRule allows traffic with one kind of peer: exactly one of CIDR, Group and PrefixList is set.
type GroupRule struct {
	Protocol   int // IANA number; -1: all
	FromPort   int // -1: all
	ToPort     int
	CIDR       netip.Prefix
	Group      string
	PrefixList string
}

// PrefixList is a named set of prefixes, such as S3's addresses.
type PrefixList struct {
	ID       string
	Prefixes []netip.Prefix
}

// Role is what stands behind an interface, where the network must treat it in its own way.
type Role string

// Roles of interfaces.
const (
	RoleHost     Role = "host"     // an instance, balancer node, database, mount target: packets begin and end here
	RoleNAT      Role = "nat"      // a NAT gateway: translates to its own address
	RoleFirewall Role = "firewall" // a firewall endpoint: forwards what its policy lets through
	RoleEndpoint Role = "endpoint" // an interface endpoint: the AWS services answer at its address
)

// Interface is one elastic network interface, and the namespace behind it.
type Interface struct {
	ID             string
	Subnet         string
	Role           Role
	Address        netip.Addr
	MAC            string     // empty: derived from the ID, see MAC
	Public         netip.Addr // translated one to one at the internet gateway; zero: none
	SecurityGroups []string   // empty: nothing is filtered, as at NAT gateways and firewall endpoints
	// Forwards is set when the source/destination check is off: the interface may send and receive packets of other
	// addresses. RoleNAT and RoleFirewall always do.
	Forwards bool
	// Firewall is the policy of a RoleFirewall interface; without one nothing passes.
	Firewall *FirewallPolicy
	Impairment
}

// FirewallPolicy is what a firewall endpoint does with what crosses it. A new connection meets the rules in their
// order, then the list of domains, then the default; what belongs to a connection that was let through passes.
type FirewallPolicy struct {
	Rules []FirewallRule
	// AllowDomains, when not empty, are the only names that HomeNet may reach by TLS (SNI) and HTTP (Host) on
	// ports 443 and 80; ".example.com" stands for example.com and every name below.
	AllowDomains []string
	HomeNet      []netip.Prefix // empty: the VPC's ranges
	// DefaultDrop drops a new connection, whichever way, that no rule and no allowed domain lets through.
	DefaultDrop bool
	// StreamException is what becomes of TCP packets whose connection's beginning the endpoint has not seen.
	StreamException StreamException
	// LogTo receives what was dropped or alerted, one at a time; while it is slow, 4096 wait. Nil: nothing is logged.
	LogTo func(FirewallEvent) `json:"-"`
}

// StreamException is a policy's stream exception policy
// (https://docs.aws.amazon.com/network-firewall/latest/developerguide/stream-exception-policy.html).
type StreamException string

// Stream exception policies; empty is StreamDrop.
const (
	StreamDrop     StreamException = "DROP"
	StreamContinue StreamException = "CONTINUE" // the rules decide, as if it were a new connection
	StreamReject   StreamException = "REJECT"   // the sender gets a reset
)

// FirewallRule matches connections by their five tuple, in order; the first match but "alert" decides.
type FirewallRule struct {
	Action      string // "pass", "drop", "reject" or "alert"
	Protocol    int    // IANA number; -1: all
	Source      []netip.Prefix
	Destination []netip.Prefix
	FromPort    int // destination ports; -1: all
	ToPort      int
	// Content is what the beginning of what the client sends contains (the first 16 KiB); empty: any. The lab looks
	// into TCP only: with another protocol such a rule matches nothing.
	Content    string
	IgnoreCase bool // of Content
	// Application restricts the rule to connections whose client speaks "http" or "tls", on whatever port; of HTTP
	// only the first request's head is searched for the content.
	Application string
	Message     string
	SID         int
}

// FirewallEvent is one packet or connection that a firewall endpoint dropped or alerted on.
type FirewallEvent struct {
	Endpoint    string // interface id
	Action      string
	Source      netip.AddrPort
	Destination netip.AddrPort
	Protocol    int
	Message     string
	SID         int
}
