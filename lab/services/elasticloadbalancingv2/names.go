package elasticloadbalancingv2

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/dns"
)

// nameTTL is the time to live of a balancer's name: "The DNS entry also specifies the time-to-live (TTL) of 60 seconds"
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html).
const nameTTL = 60

// Names returns the balancers' DNS names, each with one address per healthy node: one that health checks from outside
// find, that finds enough healthy targets, and whose zone no traffic is led away from. When there is none, all are given.
func (s *Service) Names(tx *cloud.Tx) ([]dns.Record, error) {
	var records []dns.Record
	err := s.eachBalancer(tx, func(region string, b *loadBalancer) error {
		healthy, all, err := s.addresses(tx, region, b)
		if err != nil {
			return err
		}
		if len(healthy) == 0 {
			healthy = all
		}
		records = append(records, dns.Record{Name: b.DNSName, Type: dns.TypeA, TTL: nameTTL, Values: healthy})
		return nil
	})
	return records, err
}

// Healthy reports whether the balancer of a DNS name has a healthy node, for alias records that evaluate target health.
func (s *Service) Healthy(tx *cloud.Tx, dnsName string) (healthy, known bool, err error) {
	err = s.eachBalancer(tx, func(region string, b *loadBalancer) error {
		if b.DNSName != dnsName {
			return nil
		}
		addresses, _, err := s.addresses(tx, region, b)
		healthy, known = len(addresses) > 0, true
		return err
	})
	return healthy, known, err
}

func (s *Service) eachBalancer(tx *cloud.Tx, do func(region string, b *loadBalancer) error) error {
	for _, region := range cloud.Regions() {
		balancers, err := loadBalancers.List(tx, region.Name)
		if err != nil {
			return err
		}
		for _, b := range balancers {
			if err := do(region.Name, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) addresses(tx *cloud.Tx, region string, b *loadBalancer) (healthy, all []string, err error) {
	away, err := s.awayFrom(tx, region, b)
	if err != nil {
		return nil, nil, err
	}
	for _, node := range b.Nodes {
		address := node.Private
		if b.Scheme == types.LoadBalancerSchemeEnumInternetFacing && node.Public != "" {
			address = node.Public
		}
		all = append(all, address)
		listed, count := s.views.view(node.Interface)
		if !listed || node.Zone == away {
			continue
		}
		enough, err := s.enoughTargets(tx, region, b, node.Zone, count)
		if err != nil {
			return nil, nil, err
		}
		if enough {
			healthy = append(healthy, address)
		}
	}
	return healthy, all, nil
}

// enoughTargets tells whether every group of the balancer that has targets has enough that the zone's node finds healthy
// (target_group_health.dns_failover). The percentage is of those that the node could use: all, or those of its zone.
func (s *Service) enoughTargets(tx *cloud.Tx, region string, b *loadBalancer, zone string, count func(group string) int) (bool, error) {
	using, err := balancersUsing(tx, region)
	if err != nil {
		return false, err
	}
	for arn, balancers := range using {
		if !slices.Contains(balancers, b.ARN) {
			continue
		}
		g, err := findGroup(tx, region, &arn)
		if err != nil {
			return false, err
		}
		total, err := s.usable(tx, region, g, b, zone)
		if err != nil {
			return false, err
		}
		healthy := count(g.id())
		percent := groupAttributes.number(g.Attributes, "target_group_health.dns_failover.minimum_healthy_targets.percentage")
		least := groupAttributes.number(g.Attributes, "target_group_health.dns_failover.minimum_healthy_targets.count")
		if total > 0 && (healthy < least || healthy*100 < total*percent) {
			return false, nil
		}
	}
	return true, nil
}

// usable counts the group's targets that the zone's node may use.
func (s *Service) usable(tx *cloud.Tx, region string, g *targetGroup, b *loadBalancer, zone string) (total int, err error) {
	registered, err := targetsOf(tx, region, *g.TargetGroupArn)
	if err != nil {
		return 0, err
	}
	for _, t := range registered {
		facts, err := s.facts(tx, region, g, t)
		if err != nil {
			return 0, err
		}
		if t.Draining != nil || facts.gone || !g.crossZone(b) && facts.zone != zone && facts.zone != "all" {
			continue
		}
		total++
	}
	return total, nil
}

// Nodes returns every node of every balancer.
func (s *Service) Nodes(tx *cloud.Tx) ([]Node, error) {
	var nodes []Node
	err := s.eachBalancer(tx, func(region string, b *loadBalancer) error {
		ports, err := listenerPorts(tx, region, b.ARN)
		if err != nil {
			return err
		}
		for _, n := range b.Nodes {
			private, err := netip.ParseAddr(n.Private)
			if err != nil {
				return err
			}
			public, _ := netip.ParseAddr(n.Public) // an internal balancer has none
			nodes = append(nodes, Node{
				Balancer: b.Name, ARN: b.ARN, Region: region, Zone: n.Zone, Interface: n.Interface,
				Private: private, Public: public, Ports: ports, State: string(b.State), Running: n.Running, Reason: n.Reason,
			})
		}
		return nil
	})
	return nodes, err
}

func listenerPorts(tx *cloud.Tx, region, balancer string) (ports []int, err error) {
	found, err := under(listeners, tx, region, func(l *listener) bool { return *l.LoadBalancerArn == balancer })
	for _, l := range found {
		ports = append(ports, int(*l.Port))
	}
	return ports, err
}

// CertificateUsers returns the ARNs of the balancers that present a certificate, for ACM's InUseBy.
func (s *Service) CertificateUsers(tx *cloud.Tx, region, arn string) ([]string, error) {
	found, err := under(listeners, tx, region, func(l *listener) bool {
		return slices.Contains(l.Extra, arn) || len(l.Certificates) > 0 && aws.ToString(l.Certificates[0].CertificateArn) == arn
	})
	var users []string
	for _, l := range found {
		users = append(users, *l.LoadBalancerArn)
	}
	slices.Sort(users)
	return slices.Compact(users), err
}
