package elasticloadbalancingv2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
)

// DescribeLoadBalancers lists balancers, all or those asked for.
func (s *Service) DescribeLoadBalancers(ctx context.Context, in *elasticloadbalancingv2.DescribeLoadBalancersInput) (*elasticloadbalancingv2.DescribeLoadBalancersOutput, error) {
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	out := &elasticloadbalancingv2.DescribeLoadBalancersOutput{LoadBalancers: []types.LoadBalancer{}}
	err := s.view(ctx, func(tx *cloud.Tx, region string) error {
		for _, arn := range in.LoadBalancerArns {
			if _, err := findBalancer(tx, region, &arn); err != nil {
				return err
			}
		}
		found, err := under(loadBalancers, tx, region, func(b *loadBalancer) bool {
			return len(in.LoadBalancerArns)+len(in.Names) == 0 || contains(in.LoadBalancerArns, &b.ARN) || contains(in.Names, &b.Name)
		})
		if err != nil {
			return err
		}
		if err := allNamed(in.Names, found, func(b *loadBalancer) string { return b.Name }, "LoadBalancerNotFound", "Load balancers '[%s]' not found"); err != nil {
			return err
		}
		found, out.NextMarker, err = page(found, func(b *loadBalancer) string { return b.ARN }, in.Marker, in.PageSize)
		for _, b := range found {
			out.LoadBalancers = append(out.LoadBalancers, b.describe(region))
		}
		return err
	})
	return out, err
}

// allNamed reports the first name that nothing was found for.
func allNamed[Row any](names []string, found []*Row, name func(*Row) string, code, message string) error {
	have := map[string]bool{}
	for _, row := range found {
		have[name(row)] = true
	}
	for _, wanted := range names {
		if !have[wanted] {
			return cloud.Errorf(code, message, wanted)
		}
	}
	return nil
}

func (b *loadBalancer) describe(region string) types.LoadBalancer {
	return types.LoadBalancer{
		AvailabilityZones: b.availabilityZones(), CanonicalHostedZoneId: aws.String(hostedZones[region]), CreatedTime: aws.Time(b.Created),
		DNSName: aws.String(b.DNSName), IpAddressType: b.AddressType, LoadBalancerArn: aws.String(b.ARN), LoadBalancerName: aws.String(b.Name),
		Scheme: b.Scheme, SecurityGroups: b.SecurityGroups, State: &types.LoadBalancerState{Code: b.State, Reason: b.waitingFor()},
		Type: types.LoadBalancerTypeEnumApplication, VpcId: aws.String(b.VPC),
	}
}

func (b *loadBalancer) availabilityZones() []types.AvailabilityZone {
	var zones []types.AvailabilityZone
	for _, node := range b.Nodes {
		zones = append(zones, types.AvailabilityZone{ZoneName: aws.String(node.Zone), SubnetId: aws.String(node.Subnet), LoadBalancerAddresses: []types.LoadBalancerAddress{}})
	}
	return zones
}

// waitingFor tells why a balancer is still being provisioned.
func (b *loadBalancer) waitingFor() *string {
	if b.State != types.LoadBalancerStateEnumProvisioning {
		return nil
	}
	for _, node := range b.Nodes {
		if !node.Running && node.Reason != "" {
			return aws.String("the node in " + node.Zone + " does not run yet: " + node.Reason)
		}
	}
	return nil
}
