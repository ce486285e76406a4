package elasticloadbalancingv2

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// Quotas of an account and region
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html).
const (
	maxBalancers       = 50
	maxGroups          = 3000
	maxListeners       = 50
	maxRules           = 100
	maxTargetsPerGroup = 1000
	maxCertificates    = 25
	maxActionGroups    = 5
)

var nameForm = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$`)

// CreateLoadBalancer makes an application load balancer with a node, and its network interface, per subnet.
func (s *Service) CreateLoadBalancer(ctx context.Context, in *elasticloadbalancingv2.CreateLoadBalancerInput) (*elasticloadbalancingv2.CreateLoadBalancerOutput, error) {
	if err := checkNewBalancer(in); err != nil {
		return nil, err
	}
	subnets, err := subnetIDs(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	wanted := &loadBalancer{
		Name: *in.Name, Scheme: in.Scheme, AddressType: types.IpAddressTypeIpv4, SecurityGroups: in.SecurityGroups,
		State: s.firstState(), Attributes: map[string]string{}, Tags: tags, Created: s.now().UTC(),
	}
	if wanted.Scheme == "" {
		wanted.Scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	var made *loadBalancer
	err = s.update(ctx, func(tx *cloud.Tx, region string) error {
		made, err = s.createBalancer(tx, region, wanted, subnets)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &elasticloadbalancingv2.CreateLoadBalancerOutput{LoadBalancers: []types.LoadBalancer{made.describe(cloud.RegionOf(ctx))}}, nil
}

// firstState is "provisioning" until the nodes run; without a realm nothing will ever run.
func (s *Service) firstState() types.LoadBalancerStateEnum {
	if s.deps.Realm == nil {
		return types.LoadBalancerStateEnumActive
	}
	return types.LoadBalancerStateEnumProvisioning
}

func checkNewBalancer(in *elasticloadbalancingv2.CreateLoadBalancerInput) error {
	switch {
	case !nameForm.MatchString(*in.Name) || strings.HasPrefix(*in.Name, "internal-"):
		return invalid("The load balancer name '%s' must have 1 to 32 letters, digits or hyphens, must not begin or end with a hyphen, nor begin with 'internal-'", *in.Name)
	case in.Type != "" && in.Type != types.LoadBalancerTypeEnumApplication:
		return unsupported("load balancers of type '%s'; it has application load balancers", in.Type)
	case in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4:
		return unsupported("the IP address type '%s'; it has ipv4", in.IpAddressType)
	case in.CustomerOwnedIpv4Pool != nil:
		return unsupported("CustomerOwnedIpv4Pool")
	case in.IpamPools != nil:
		return unsupported("IpamPools")
	case in.EnablePrefixForIpv6SourceNat == types.EnablePrefixForIpv6SourceNatEnumOn:
		return unsupported("EnablePrefixForIpv6SourceNat, which is for network load balancers")
	}
	return nil
}

func subnetIDs(plain []string, mappings []types.SubnetMapping) ([]string, error) {
	if len(plain) > 0 && len(mappings) > 0 {
		return nil, invalid("You can specify either subnets or subnet mappings, not both")
	}
	ids := slices.Clone(plain)
	for _, mapping := range mappings {
		if mapping.AllocationId != nil || mapping.PrivateIPv4Address != nil || mapping.IPv6Address != nil || mapping.SourceNatIpv6Prefix != nil {
			return nil, cloud.Errorf(codeConfig, "Addresses in subnet mappings are not allowed for application load balancers")
		}
		ids = append(ids, aws.ToString(mapping.SubnetId))
	}
	return ids, nil
}

// createBalancer creates the balancer, or returns the one of that name when it is the same.
func (s *Service) createBalancer(tx *cloud.Tx, region string, wanted *loadBalancer, subnets []string) (*loadBalancer, error) {
	all, err := loadBalancers.List(tx, region)
	if err != nil {
		return nil, err
	}
	for _, existing := range all {
		if existing.Name == wanted.Name {
			return existing, sameBalancer(existing, wanted, subnets)
		}
	}
	if len(all) >= maxBalancers {
		return nil, cloud.Errorf("TooManyLoadBalancers", "The limit of %d load balancers has been reached", maxBalancers)
	}
	places, err := s.places(tx, region, subnets)
	if err != nil {
		return nil, err
	}
	wanted.VPC = places[0].vpc
	if err := s.checkGroups(tx, region, wanted.VPC, wanted.SecurityGroups); err != nil {
		return nil, err
	}
	wanted.ARN = cloud.ARN("elasticloadbalancing", region, "loadbalancer/app/"+wanted.Name+"/"+cloud.RandomHex(16))
	wanted.DNSName = dnsName(wanted, region)
	for _, place := range places {
		added, err := s.createNode(tx, region, wanted, place)
		if err != nil {
			return nil, err
		}
		wanted.Nodes = append(wanted.Nodes, added)
	}
	return wanted, loadBalancers.Put(tx, region, wanted.ARN, wanted)
}

func sameBalancer(existing, wanted *loadBalancer, subnets []string) error {
	var had []string
	for _, node := range existing.Nodes {
		had = append(had, node.Subnet)
	}
	if existing.Scheme == wanted.Scheme && sameSet(had, subnets) && sameSet(existing.SecurityGroups, wanted.SecurityGroups) && maps.Equal(existing.Tags, wanted.Tags) {
		return nil
	}
	return cloud.Errorf("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", wanted.Name)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (s *Service) checkGroups(tx *cloud.Tx, region, vpc string, groups []string) error {
	if len(groups) == 0 {
		return unsupported("load balancers without security groups: name one, such as the VPC's default group")
	}
	if err := s.deps.Network.CheckSecurityGroups(tx, region, vpc, groups); err != nil {
		return cloud.Errorf("InvalidSecurityGroup", "%s", errorMessage(err))
	}
	return nil
}

func dnsName(b *loadBalancer, region string) string {
	name := fmt.Sprintf("%s-%d.%s.elb.amazonaws.com", b.Name, 1_000_000_000+rand.Int64N(1_000_000_000), region)
	if b.Scheme == types.LoadBalancerSchemeEnumInternal {
		return "internal-" + name
	}
	return name
}

// hostedZones are the zones of the balancers' names, which alias records refer to
// (https://docs.aws.amazon.com/general/latest/gr/elb.html).
var hostedZones = map[string]string{
	"us-east-1": "Z35SXDOTRQ7X7K", "us-east-2": "Z3AADJGX6KTTL2", "us-west-2": "Z1H1FL5HABSF5",
	"eu-west-1": "Z32O12XQLNTSW2", "eu-central-1": "Z215JYRZR1TBD5",
}
