package network

import "net/netip"

// ACL is the access list of one tier: the coarse, stateless line of defence in
// front of the security groups. The edge tier keeps the VPC's default list, as
// the firewall itself decides there.
type ACL struct {
	Tier  Tier
	Rules []ACLRule
}

// ACLRule is one entry. Ports are inclusive; a protocol of "-1" means all
// protocols and ports.
type ACLRule struct {
	Number   int
	Egress   bool
	Allow    bool
	Protocol string
	CIDR     netip.Prefix
	From, To int
}

const (
	allProtocols = "-1"
	tcp          = "tcp"

	httpPort     = 80
	httpsPort    = 443
	webPort      = 8080
	postgresPort = 5432
	nfsPort      = 2049

	// Replies come back to any port above the well-known ones.
	// https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
	replyFirst = 1024
	replyLast  = 65535
)

func planACLs(vpc netip.Prefix) []ACL {
	allow := func(number int, cidr netip.Prefix, from, to int) ACLRule {
		return ACLRule{Number: number, Allow: true, Protocol: tcp, CIDR: cidr, From: from, To: to}
	}
	deny := func(number int, cidr netip.Prefix, port int) ACLRule {
		return ACLRule{Number: number, Protocol: tcp, CIDR: cidr, From: port, To: port}
	}
	all := func(number int, cidr netip.Prefix) ACLRule {
		return ACLRule{Number: number, Allow: true, Protocol: allProtocols, CIDR: cidr}
	}
	out := func(rule ACLRule) ACLRule { rule.Egress = true; return rule }

	return []ACL{
		{Tier: Public, Rules: []ACLRule{
			all(100, vpc),
			allow(110, anywhere, httpsPort, httpsPort),
			allow(120, anywhere, httpPort, httpPort),
			allow(130, anywhere, replyFirst, replyLast),
			out(all(100, anywhere)),
		}},
		{Tier: App, Rules: []ACLRule{
			all(100, vpc),
			deny(110, anywhere, webPort), // only a balancer, inside the VPC, speaks to a server
			allow(120, anywhere, replyFirst, replyLast),
			out(all(100, vpc)),
			out(allow(110, anywhere, httpsPort, httpsPort)),
		}},
		{Tier: Data, Rules: []ACLRule{
			allow(100, vpc, postgresPort, postgresPort),
			allow(110, vpc, replyFirst, replyLast),
			out(allow(100, vpc, replyFirst, replyLast)),
		}},
		{Tier: Mirror, Rules: []ACLRule{
			allow(100, vpc, nfsPort, nfsPort),
			out(allow(100, vpc, replyFirst, replyLast)),
		}},
	}
}
