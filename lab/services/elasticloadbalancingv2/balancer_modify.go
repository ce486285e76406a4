package elasticloadbalancingv2

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// DeleteLoadBalancer deletes a balancer with its listeners, unless it is protected. A missing one is no error.
func (s *Service) DeleteLoadBalancer(ctx context.Context, in *elasticloadbalancingv2.DeleteLoadBalancerInput) (*elasticloadbalancingv2.DeleteLoadBalancerOutput, error) {
	return &elasticloadbalancingv2.DeleteLoadBalancerOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		b, err := findBalancer(tx, region, in.LoadBalancerArn)
		if cloud.HasCode(err, "LoadBalancerNotFound") {
			return nil
		}
		if err != nil {
			return err
		}
		if balancerAttributes.flag(b.Attributes, "deletion_protection.enabled") {
			return cloud.Errorf(codeNotAllowed, "Load balancer '%s' cannot be deleted because deletion protection is enabled", b.ARN)
		}
		attached, err := listenersOf(tx, region, b.ARN)
		if err != nil {
			return err
		}
		for _, l := range attached {
			if err := deleteListener(tx, region, l); err != nil {
				return err
			}
		}
		for _, node := range b.Nodes {
			if err := s.deps.Network.DeleteInterface(tx, region, node.Interface); err != nil {
				return err
			}
		}
		return loadBalancers.Delete(tx, region, b.ARN)
	})
}

// changeBalancer applies a change to one balancer.
func (s *Service) changeBalancer(ctx context.Context, arn *string, change func(tx *cloud.Tx, region string, b *loadBalancer) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		b, err := findBalancer(tx, region, arn)
		if err != nil {
			return err
		}
		if err := change(tx, region, b); err != nil {
			return err
		}
		return loadBalancers.Put(tx, region, b.ARN, b)
	})
}

// SetSecurityGroups replaces the balancer's security groups.
func (s *Service) SetSecurityGroups(ctx context.Context, in *elasticloadbalancingv2.SetSecurityGroupsInput) (*elasticloadbalancingv2.SetSecurityGroupsOutput, error) {
	if in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "" {
		return nil, unsupported("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic, which is for network load balancers")
	}
	err := s.changeBalancer(ctx, in.LoadBalancerArn, func(tx *cloud.Tx, region string, b *loadBalancer) error {
		if err := s.checkGroups(tx, region, b.VPC, in.SecurityGroups); err != nil {
			return err
		}
		b.SecurityGroups = in.SecurityGroups
		for _, node := range b.Nodes {
			if err := s.deps.Network.SetInterfaceGroups(tx, region, node.Interface, in.SecurityGroups); err != nil {
				return err
			}
		}
		return nil
	})
	return &elasticloadbalancingv2.SetSecurityGroupsOutput{SecurityGroupIds: in.SecurityGroups}, err
}

// SetSubnets replaces the balancer's subnets: nodes in subnets that stay are untouched.
func (s *Service) SetSubnets(ctx context.Context, in *elasticloadbalancingv2.SetSubnetsInput) (*elasticloadbalancingv2.SetSubnetsOutput, error) {
	if in.IpAddressType != "" && in.IpAddressType != types.IpAddressTypeIpv4 || in.EnablePrefixForIpv6SourceNat == types.EnablePrefixForIpv6SourceNatEnumOn {
		return nil, unsupported("IPv6 on load balancers")
	}
	subnets, err := subnetIDs(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	out := &elasticloadbalancingv2.SetSubnetsOutput{IpAddressType: types.IpAddressTypeIpv4}
	err = s.changeBalancer(ctx, in.LoadBalancerArn, func(tx *cloud.Tx, region string, b *loadBalancer) error {
		if err := s.moveNodes(tx, region, b, subnets); err != nil {
			return err
		}
		out.AvailabilityZones = b.availabilityZones()
		return nil
	})
	return out, err
}

func (s *Service) moveNodes(tx *cloud.Tx, region string, b *loadBalancer, subnets []string) error {
	places, err := s.places(tx, region, subnets)
	if err != nil {
		return err
	}
	if places[0].vpc != b.VPC {
		return cloud.Errorf("InvalidSubnet", "The subnet '%s' does not belong to the load balancer's VPC '%s'", places[0].subnet, b.VPC)
	}
	var kept []node
	for _, n := range b.Nodes {
		if slices.Contains(subnets, n.Subnet) {
			kept = append(kept, n)
		} else if err := s.deps.Network.DeleteInterface(tx, region, n.Interface); err != nil {
			return err
		}
	}
	for _, at := range places {
		if slices.ContainsFunc(kept, func(n node) bool { return n.Subnet == at.subnet }) {
			continue
		}
		added, err := s.createNode(tx, region, b, at)
		if err != nil {
			return err
		}
		kept = append(kept, added)
	}
	b.Nodes = kept
	return nil
}

// SetIpAddressType accepts ipv4, which every balancer of the lab has.
func (s *Service) SetIpAddressType(ctx context.Context, in *elasticloadbalancingv2.SetIpAddressTypeInput) (*elasticloadbalancingv2.SetIpAddressTypeOutput, error) {
	if in.IpAddressType != types.IpAddressTypeIpv4 {
		return nil, unsupported("the IP address type '%s'; it has ipv4", in.IpAddressType)
	}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		_, err := findBalancer(tx, region, in.LoadBalancerArn)
		return err
	})
	return &elasticloadbalancingv2.SetIpAddressTypeOutput{IpAddressType: in.IpAddressType}, err
}

// DescribeLoadBalancerAttributes returns every attribute with its value.
func (s *Service) DescribeLoadBalancerAttributes(ctx context.Context, in *elasticloadbalancingv2.DescribeLoadBalancerAttributesInput) (*elasticloadbalancingv2.DescribeLoadBalancerAttributesOutput, error) {
	out := &elasticloadbalancingv2.DescribeLoadBalancerAttributesOutput{}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		b, err := findBalancer(tx, region, in.LoadBalancerArn)
		if err != nil {
			return err
		}
		out.Attributes = b.describeAttributes()
		return nil
	})
	return out, err
}

func (b *loadBalancer) describeAttributes() (all []types.LoadBalancerAttribute) {
	balancerAttributes.all(b.Attributes, func(key, value string) {
		all = append(all, types.LoadBalancerAttribute{Key: aws.String(key), Value: aws.String(value)})
	})
	return all
}

// ModifyLoadBalancerAttributes sets attributes, all or none.
func (s *Service) ModifyLoadBalancerAttributes(ctx context.Context, in *elasticloadbalancingv2.ModifyLoadBalancerAttributesInput) (*elasticloadbalancingv2.ModifyLoadBalancerAttributesOutput, error) {
	out := &elasticloadbalancingv2.ModifyLoadBalancerAttributesOutput{}
	if err := s.tryLogs(ctx, in); err != nil {
		return nil, err
	}
	err := s.changeBalancer(ctx, in.LoadBalancerArn, func(tx *cloud.Tx, region string, b *loadBalancer) error {
		if err := b.setAttributes(in.Attributes); err != nil {
			return err
		}
		out.Attributes = b.describeAttributes()
		return nil
	})
	return out, err
}

// setAttributes sets attributes, all or none.
func (b *loadBalancer) setAttributes(wanted []types.LoadBalancerAttribute) error {
	for _, attribute := range wanted {
		if err := balancerAttributes.set(b.Attributes, aws.ToString(attribute.Key), aws.ToString(attribute.Value)); err != nil {
			return err
		}
	}
	for _, kind := range logKinds {
		if balancerAttributes.flag(b.Attributes, kind.enabled()) && b.Attributes[kind.bucket()] == "" {
			return cloud.Errorf(codeConfig, "The value of '%s' cannot be empty when logs are enabled", kind.bucket())
		}
		if strings.Contains(b.Attributes[kind.prefix()], "AWSLogs") {
			return cloud.Errorf(codeConfig, "The value of '%s' must not include 'AWSLogs'", kind.prefix())
		}
	}
	return nil
}

// DescribeCapacityReservation tells that none is made: nodes of the lab have no capacity units.
func (s *Service) DescribeCapacityReservation(ctx context.Context, in *elasticloadbalancingv2.DescribeCapacityReservationInput) (*elasticloadbalancingv2.DescribeCapacityReservationOutput, error) {
	return &elasticloadbalancingv2.DescribeCapacityReservationOutput{}, s.view(ctx, func(tx *cloud.Tx, region string) error {
		_, err := findBalancer(tx, region, in.LoadBalancerArn)
		return err
	})
}
