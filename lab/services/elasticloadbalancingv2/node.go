package elasticloadbalancingv2

import (
	"errors"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
	"haven/lab/services/ec2"
)

// requesterID owns the balancers' network interfaces.
const requesterID = "amazon-elb"

// place is where a node can be.
type place struct{ subnet, zone, vpc string }

// places looks the subnets up: one per zone, of one VPC, in at least two zones.
func (s *Service) places(tx *cloud.Tx, region string, subnets []string) ([]place, error) {
	var all []place
	zones := map[string]string{}
	for _, id := range subnets {
		subnet, err := s.deps.Network.Subnet(tx, region, id)
		if cloud.HasCode(err, "InvalidSubnetID.NotFound") {
			return nil, cloud.Errorf("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		}
		if err != nil {
			return nil, err
		}
		if other, ok := zones[subnet.Zone]; ok {
			return nil, cloud.Errorf(codeConfig, "A load balancer cannot be attached to multiple subnets in the same Availability Zone: '%s' and '%s' are in %s", other, id, subnet.Zone)
		}
		zones[subnet.Zone] = id
		all = append(all, place{subnet.ID, subnet.Zone, subnet.VPCID})
		if subnet.VPCID != all[0].vpc {
			return nil, cloud.Errorf(codeConfig, "The subnets '%s' and '%s' belong to different VPCs", all[0].subnet, id)
		}
	}
	if len(all) < 2 {
		return nil, invalid("At least two subnets in two different Availability Zones must be specified")
	}
	return all, nil
}

func (s *Service) createNode(tx *cloud.Tx, region string, b *loadBalancer, at place) (node, error) {
	made, err := s.deps.Network.CreateInterface(tx, region, ec2.InterfaceRequest{
		SubnetID: at.subnet, SecurityGroups: b.SecurityGroups, Description: "ELB " + b.suffix(),
		Type: ec2types.NetworkInterfaceTypeInterface, RequesterID: requesterID, Role: vpc.RoleHost,
		PublicIP: b.Scheme == types.LoadBalancerSchemeEnumInternetFacing,
	})
	if err != nil {
		return node{}, err
	}
	return node{Zone: at.zone, Subnet: at.subnet, Interface: made.ID, Private: made.Address, Public: made.PublicIP}, nil
}

func errorMessage(err error) string {
	var e *cloud.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
