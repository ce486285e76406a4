package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/drill/fault"
	"haven/drill/target"
	"haven/infra/outputs"
)

// NetworkACLEntry is the kind of undoing that deletes an entry of a network access list: Target is the list's id, parameters are the
// entry's number and whether it is of the outbound ones.
const NetworkACLEntry = "network-acl-entry"

// Parameters of NetworkACLEntry.
const (
	EntryNumber = "number"
	EntryEgress = "egress"
)

var mountNeeds = []string{
	"autoscaling:DescribeAutoScalingGroups", "ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry", "ec2:DescribeNetworkAcls", "ec2:DescribeSubnets", "elasticloadbalancing:DescribeTargetHealth",
}

// blockNumber is the entry's: the first of all, so that it counts before those that allow.
// https://docs.aws.amazon.com/vpc/latest/userguide/nacl-basics.html
const blockNumber = 1

// nfs is the port of mount targets: https://docs.aws.amazon.com/efs/latest/ug/network-access.html
const nfs = 2049

// mountBlock keeps all servers from one zone's mount target by an entry of their access list. A mount target that is deleted would come
// back as another one, which the program knows nothing of; a security group would leave open connections alone, an access list does not.
// https://docs.aws.amazon.com/vpc/latest/userguide/security-group-connection-tracking.html
type mountBlock struct {
	stage Stage
	zone  outputs.Zone
	list  string // the servers' access list
	to    string // the mount target's subnet, as CIDR
}

func mountCutOff(s Stage) fault.Fault { return &mountBlock{stage: s} }

func (m *mountBlock) client() *ec2.Client { return ec2.NewFromConfig(m.stage.Config) }

func (m *mountBlock) Setup(ctx context.Context) (string, error) {
	name, err := m.stage.zone()
	if err != nil {
		return "", err
	}
	if m.zone, err = m.stage.Zone(name); err != nil {
		return "", err
	}
	list, err := m.read(ctx)
	if err != nil {
		return "", err
	}
	m.list = aws.ToString(list.NetworkAclId)
	if hasEntry(list) {
		return "", fmt.Errorf("the access list %s has an entry %d of its own already", m.list, blockNumber)
	}
	out, err := m.client().DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{m.zone.Subnets["mirror"]}})
	if err != nil {
		return "", err
	}
	m.to = aws.ToString(out.Subnets[0].CidrBlock)
	return "the mount target of " + name, nil
}

// read returns the access list of the servers' subnet.
func (m *mountBlock) read(ctx context.Context) (types.NetworkAcl, error) {
	subnet := m.zone.Subnets["app"]
	out, err := m.client().DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}}})
	if err != nil {
		return types.NetworkAcl{}, err
	}
	if len(out.NetworkAcls) != 1 {
		return types.NetworkAcl{}, fmt.Errorf("the subnet %s has %d access lists", subnet, len(out.NetworkAcls))
	}
	return out.NetworkAcls[0], nil
}

// hasEntry tells whether the outbound entry's number is taken.
func hasEntry(list types.NetworkAcl) bool {
	return slices.ContainsFunc(list.Entries, func(e types.NetworkAclEntry) bool {
		return aws.ToBool(e.Egress) && aws.ToInt32(e.RuleNumber) == blockNumber
	})
}

func (m *mountBlock) Inject(ctx context.Context) error {
	undoing := Undoing{Kind: NetworkACLEntry, Target: m.list, Parameters: map[string]string{EntryNumber: strconv.Itoa(blockNumber), EntryEgress: "true"}}
	if err := m.stage.Undo.Remember(m.key(), undoing); err != nil {
		return err
	}
	_, err := m.client().CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: &m.list, RuleNumber: aws.Int32(blockNumber), Egress: aws.Bool(true), RuleAction: types.RuleActionDeny,
		Protocol: aws.String("6"), PortRange: &types.PortRange{From: aws.Int32(nfs), To: aws.Int32(nfs)}, CidrBlock: &m.to,
	})
	return err
}

func (m *mountBlock) key() string { return "mount-target " + m.list }

// WaitActive waits until each server of the zone is out of service: they have no files.
func (m *mountBlock) WaitActive(ctx context.Context) error {
	group, err := m.stage.Group(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, server := range group.Instances {
		if aws.ToString(server.AvailabilityZone) == m.zone.Name {
			errs = append(errs, m.stage.outOfService(ctx, aws.ToString(server.InstanceId)))
		}
	}
	return errors.Join(errs...)
}

func (m *mountBlock) Recover(ctx context.Context) error {
	_, err := m.client().DeleteNetworkAclEntry(ctx, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: &m.list, RuleNumber: aws.Int32(blockNumber), Egress: aws.Bool(true)})
	if err != nil {
		return err
	}
	return m.stage.Undo.Done(m.key())
}

func (m *mountBlock) WaitRecovered(ctx context.Context) error {
	return target.Await(ctx, "the access list to be as before", time.Minute, func(ctx context.Context) error {
		list, err := m.read(ctx)
		if err == nil && hasEntry(list) {
			err = fmt.Errorf("it has entry %d still", blockNumber)
		}
		return err
	})
}

// Cleanup leaves it to the undoing, which is there as long as the entry may be.
func (m *mountBlock) Cleanup(context.Context) error { return nil }
