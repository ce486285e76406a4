package ec2

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// entryRequest is what creating and replacing an entry have in common.
type entryRequest struct {
	egress   *bool
	protocol *string
	action   types.RuleAction
	number   *int32
	block    *string
	icmp     *types.IcmpTypeCode
	ports    *types.PortRange
}

// CreateNetworkAclEntry adds an entry under a number that is free.
func (s *Service) CreateNetworkAclEntry(ctx context.Context, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error) {
	if err := refuse("Ipv6CidrBlock", in.Ipv6CidrBlock); err != nil {
		return nil, err
	}
	entry, err := parseEntry(entryRequest{in.Egress, in.Protocol, in.RuleAction, in.RuleNumber, in.CidrBlock, in.IcmpTypeCode, in.PortRange})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateNetworkAclEntryOutput{}, s.changeEntries(ctx, in.NetworkAclId, func(row *networkACLRow) error {
		if row.position(entry.Egress, entry.Number) >= 0 {
			return cloud.Errorf("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", entry.Number)
		}
		row.Entries = append(row.Entries, entry)
		same := slices.DeleteFunc(slices.Clone(row.Entries), func(e aclEntry) bool { return e.Egress != entry.Egress })
		if len(same) > maxACLEntries {
			return cloud.Errorf("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached: %d.", maxACLEntries)
		}
		return nil
	})
}

// ReplaceNetworkAclEntry replaces the entry of a number.
func (s *Service) ReplaceNetworkAclEntry(ctx context.Context, in *ec2.ReplaceNetworkAclEntryInput) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	if err := refuse("Ipv6CidrBlock", in.Ipv6CidrBlock); err != nil {
		return nil, err
	}
	entry, err := parseEntry(entryRequest{in.Egress, in.Protocol, in.RuleAction, in.RuleNumber, in.CidrBlock, in.IcmpTypeCode, in.PortRange})
	if err != nil {
		return nil, err
	}
	return &ec2.ReplaceNetworkAclEntryOutput{}, s.changeEntries(ctx, in.NetworkAclId, func(row *networkACLRow) error {
		at := row.position(entry.Egress, entry.Number)
		if at < 0 {
			return unknownEntry(entry.Number, row.ID)
		}
		row.Entries[at] = entry
		return nil
	})
}

// DeleteNetworkAclEntry removes the entry of a number.
func (s *Service) DeleteNetworkAclEntry(ctx context.Context, in *ec2.DeleteNetworkAclEntryInput) (*ec2.DeleteNetworkAclEntryOutput, error) {
	return &ec2.DeleteNetworkAclEntryOutput{}, s.changeEntries(ctx, in.NetworkAclId, func(row *networkACLRow) error {
		at := row.position(aws.ToBool(in.Egress), aws.ToInt32(in.RuleNumber))
		if at < 0 {
			return unknownEntry(aws.ToInt32(in.RuleNumber), row.ID)
		}
		row.Entries = slices.Delete(row.Entries, at, at+1)
		return nil
	})
}

func unknownEntry(number int32, acl string) error {
	return cloud.Errorf("InvalidNetworkAclEntry.NotFound",
		"The network acl entry identified by rule-number %d does not exist in network acl %s", number, acl)
}

func (s *Service) changeEntries(ctx context.Context, id *string, change func(*networkACLRow) error) error {
	return s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := networkACLs.find(tx, region, aws.ToString(id))
		if err != nil {
			return err
		}
		if err := change(row); err != nil {
			return err
		}
		slices.SortFunc(row.Entries, compareEntries)
		return networkACLs.save(tx, region, row)
	})
}

func compareEntries(a, b aclEntry) int {
	if a.Egress != b.Egress {
		if a.Egress {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.Number, b.Number)
}

func (r *networkACLRow) position(egress bool, number int32) int {
	return slices.IndexFunc(r.Entries, func(e aclEntry) bool { return e.Egress == egress && e.Number == number })
}

func parseEntry(request entryRequest) (aclEntry, error) {
	entry := aclEntry{
		Number: aws.ToInt32(request.number), Egress: aws.ToBool(request.egress), Allow: request.action == types.RuleActionAllow,
	}
	if entry.Number < 1 || entry.Number > lastACLRule {
		return entry, cloud.Errorf("InvalidParameterValue", "Value (%d) for parameter ruleNumber is invalid. It must be between 1 and %d.", entry.Number, lastACLRule)
	}
	protocol, ok := protocolNumber(aws.ToString(request.protocol))
	if !ok {
		return entry, cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter protocol is invalid. Unknown protocol.", aws.ToString(request.protocol))
	}
	entry.Protocol = protocol
	if request.block == nil {
		return entry, cloud.Errorf("MissingParameter", "The request must contain the parameter cidrBlock")
	}
	block, err := parseCIDR(*request.block)
	if err != nil {
		return entry, err
	}
	entry.CIDR = block
	return entry, parseEntryPorts(&entry, request)
}

func parseEntryPorts(entry *aclEntry, request entryRequest) error {
	switch entry.Protocol {
	case protocolTCP, protocolUDP:
		if request.ports == nil || request.ports.From == nil || request.ports.To == nil {
			return cloud.Errorf("MissingParameter", "The request must contain the parameter portRange for protocol %s", entry.Protocol)
		}
		entry.From, entry.To = *request.ports.From, *request.ports.To
		return checkPorts(entry.From, entry.To)
	case protocolICMP:
		entry.ICMPType, entry.ICMPCode = -1, -1
		if request.icmp != nil {
			entry.ICMPType, entry.ICMPCode = aws.ToInt32(request.icmp.Type), aws.ToInt32(request.icmp.Code)
		}
	}
	return nil
}

func checkPorts(from, to int32) error {
	if from < 0 || to > 65535 || from > to {
		return cloud.Errorf("InvalidParameterValue", "Invalid value for portRange: %d to %d. Must be between 0 and 65535, the first not above the last.", from, to)
	}
	return nil
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
