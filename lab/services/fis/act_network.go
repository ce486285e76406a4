package fis

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

// Scopes of a disruption.
const (
	scopeAll        = "all"
	scopeZone       = "availability-zone"
	scopeVPC        = "vpc"
	scopeS3         = "s3"
	scopeDynamoDB   = "dynamodb"
	scopePrefixList = "prefix-list"

	parameterScope      = "scope"
	parameterPrefixList = "prefixListIdentifier"

	// managedTag marks the network ACLs that experiments make; AWS's own policy for FIS is conditioned on it
	// (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSFaultInjectionSimulatorNetworkAccess.html).
	managedTag = "managedByFIS"
)

var disruptConnectivity = action{
	description: "Denies the specified traffic to the target subnets using network ACLs.", targets: map[string]string{"Subnets": "aws:ec2:subnet"},
	parameters: map[string]parameter{
		parameterDuration: durationParameter,
		parameterScope: {"The type of traffic to deny: all, availability-zone, dynamodb, prefix-list, s3 or vpc", true, func(text string) error {
			if all := []string{scopeAll, scopeZone, scopeVPC, scopeS3, scopeDynamoDB, scopePrefixList}; !slices.Contains(all, text) {
				return fmt.Errorf("%q is none of %s", text, strings.Join(all, ", "))
			}
			return nil
		}},
		parameterPrefixList: {"With the scope prefix-list: its ID or ARN", false, nil},
	},
	needs: networkNeeds, begin: beginDisruption, back: restoreNetwork,
	look: func(_ context.Context, d *deed) (bool, error) { return d.timeOver(), nil },
}

// networkNeeds is what it takes to swap network ACLs.
func networkNeeds(d *deed) []need {
	tagged := map[string][]string{"aws:RequestTag/" + managedTag: {"true"}, "aws:TagKeys": {managedTag, "Name"}}
	created := map[string][]string{"ec2:CreateAction": {"CreateNetworkAcl"}}
	for key, values := range tagged {
		created[key] = values
	}
	own := map[string][]string{"aws:ResourceTag/" + managedTag: {"true"}, "ec2:ResourceTag/" + managedTag: {"true"}}
	acl := cloud.ARN("ec2", d.region, "network-acl/*")
	needs := append(anywhere("ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeNetworkAcls"),
		need{"ec2:CreateNetworkAcl", acl, tagged}, need{"ec2:CreateTags", acl, created}, need{"ec2:CreateNetworkAclEntry", acl, own}, need{"ec2:DeleteNetworkAcl", acl, own},
		need{"ec2:ReplaceNetworkAclAssociation", acl, nil})
	for _, t := range d.targets {
		needs = append(needs, t.on("ec2", "ReplaceNetworkAclAssociation"))
	}
	if scope := d.given.Parameters[parameterScope]; scope == scopeS3 || scope == scopeDynamoDB || scope == scopePrefixList {
		needs = append(needs, anywhere("ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries")...)
	}
	return needs
}

// beginDisruption clones the network ACL of each subnet, with denials before its rules, and has the subnet use the clone.
func beginDisruption(ctx context.Context, d *deed) error {
	view, err := d.network(ctx)
	if err != nil {
		return err
	}
	originals := map[string]string{}
	for _, t := range d.targets {
		used := view.used[t.ID]
		switch {
		case d.run.Original[t.ID] != "":
			originals[t.ID] = d.run.Original[t.ID] // written down by a lab that was killed
		case used == nil:
			return fmt.Errorf("subnet %s was not found", t.ID)
		case ec2Tags(used.Tags)[managedTag] == "true":
			return fmt.Errorf("another experiment disrupts the connectivity of %s already (%s)", t.ID, *used.NetworkAclId)
		default:
			originals[t.ID] = *used.NetworkAclId
		}
	}
	if err := d.note(func(r *run) { r.Original = originals }); err != nil {
		return err
	}
	for _, t := range d.targets {
		if err := d.disrupt(ctx, view, t.ID); err != nil {
			return fmt.Errorf("disrupting %s: %s", t.ID, message(err))
		}
	}
	return nil
}

// aclName is the name of the network ACL that the action makes for a subnet, by which it is found again.
func (d *deed) aclName(subnet string) string {
	return fmt.Sprintf("fis-%s-%s-%s", d.id, d.name, subnet)
}

func (d *deed) disrupt(ctx context.Context, view *networkView, subnet string) error {
	api := d.service.deps.Instances
	entries, err := d.denying(ctx, view, subnet)
	if err != nil {
		return err
	}
	made, err := api.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{
		VpcId: view.subnets[subnet].VpcId, ClientToken: aws.String(d.aclName(subnet)),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeNetworkAcl, Tags: []ec2types.Tag{
			{Key: aws.String("Name"), Value: aws.String(d.aclName(subnet))}, {Key: aws.String(managedTag), Value: aws.String("true")},
		}}},
	})
	if err != nil {
		return err
	}
	for _, e := range entries {
		_, err := api.CreateNetworkAclEntry(ctx, &ec2.CreateNetworkAclEntryInput{
			NetworkAclId: made.NetworkAcl.NetworkAclId, RuleNumber: e.RuleNumber, Egress: e.Egress, Protocol: e.Protocol, RuleAction: e.RuleAction,
			CidrBlock: e.CidrBlock, PortRange: e.PortRange, IcmpTypeCode: e.IcmpTypeCode,
		})
		if err != nil && !cloud.HasCode(err, "NetworkAclEntryAlreadyExists") {
			return err
		}
	}
	return d.swap(ctx, view, subnet, *made.NetworkAcl.NetworkAclId)
}

// swap has a subnet use another network ACL.
func (d *deed) swap(ctx context.Context, view *networkView, subnet, acl string) error {
	if *view.used[subnet].NetworkAclId == acl {
		return nil
	}
	_, err := d.service.deps.Instances.ReplaceNetworkAclAssociation(ctx, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: aws.String(view.association[subnet]), NetworkAclId: &acl})
	return err
}

// restoreNetwork has each subnet use what it used before, unless somebody else gave it another network ACL meanwhile, and
// deletes the clones.
func restoreNetwork(ctx context.Context, d *deed) error {
	view, err := d.network(ctx)
	if err != nil {
		return err
	}
	for subnet, original := range d.run.Original {
		name := d.aclName(subnet)
		if used := view.used[subnet]; used != nil && ec2Tags(used.Tags)["Name"] == name {
			if view.acls[original] == nil {
				return lostError{fmt.Errorf("the network ACL %s of subnet %s was deleted meanwhile; the subnet keeps %s", original, subnet, *used.NetworkAclId)}
			}
			if err := d.swap(ctx, view, subnet, original); err != nil {
				return err
			}
		}
		for id, acl := range view.acls {
			if ec2Tags(acl.Tags)["Name"] != name {
				continue
			}
			if _, err := d.service.deps.Instances.DeleteNetworkAcl(ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &id}); err != nil && !cloud.HasCode(err, "InvalidNetworkAclID.NotFound") {
				return err
			}
		}
	}
	return nil
}

// networkView is what there is of subnets and network ACLs.
type networkView struct {
	subnets     map[string]ec2types.Subnet
	acls        map[string]*ec2types.NetworkAcl
	used        map[string]*ec2types.NetworkAcl // by subnet
	association map[string]string               // by subnet
	vpcs        map[string][]netip.Prefix
}

func (d *deed) network(ctx context.Context) (*networkView, error) {
	api := d.service.deps.Instances
	view := &networkView{subnets: map[string]ec2types.Subnet{}, acls: map[string]*ec2types.NetworkAcl{}, used: map[string]*ec2types.NetworkAcl{}, association: map[string]string{}, vpcs: map[string][]netip.Prefix{}}
	subnets, err := api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	if err != nil {
		return nil, err
	}
	for _, subnet := range subnets.Subnets {
		view.subnets[*subnet.SubnetId] = subnet
	}
	acls, err := api.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{})
	if err != nil {
		return nil, err
	}
	for i := range acls.NetworkAcls {
		acl := &acls.NetworkAcls[i]
		view.acls[*acl.NetworkAclId] = acl
		for _, a := range acl.Associations {
			view.used[*a.SubnetId], view.association[*a.SubnetId] = acl, *a.NetworkAclAssociationId
		}
	}
	vpcs, err := api.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	if err != nil {
		return nil, err
	}
	for _, v := range vpcs.Vpcs {
		for _, block := range v.CidrBlockAssociationSet {
			if prefix, err := netip.ParsePrefix(aws.ToString(block.CidrBlock)); err == nil {
				view.vpcs[*v.VpcId] = append(view.vpcs[*v.VpcId], prefix)
			}
		}
	}
	return view, nil
}

// denying are the rules of the clone for a subnet.
func (d *deed) denying(ctx context.Context, view *networkView, subnet string) ([]ec2types.NetworkAclEntry, error) {
	rules := view.acls[d.run.Original[subnet]]
	if rules == nil {
		return nil, fmt.Errorf("its network ACL %s was not found", d.run.Original[subnet])
	}
	own := view.subnets[subnet]
	var denied []netip.Prefix
	switch scope := d.given.Parameters[parameterScope]; scope {
	case scopeVPC:
		return within(rules.Entries, view.vpcs[aws.ToString(own.VpcId)]), nil
	case scopeZone:
		for _, other := range view.subnets {
			if prefix, err := netip.ParsePrefix(aws.ToString(other.CidrBlock)); err == nil && *other.VpcId == *own.VpcId && *other.AvailabilityZone != *own.AvailabilityZone {
				denied = append(denied, prefix)
			}
		}
	case scopeS3, scopeDynamoDB, scopePrefixList:
		prefixes, err := d.prefixList(ctx, scope)
		if err != nil {
			return nil, err
		}
		denied = prefixes
	default:
		denied = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	}
	return without(rules.Entries, denied), nil
}

// prefixList returns what a scope's prefix list holds.
func (d *deed) prefixList(ctx context.Context, scope string) ([]netip.Prefix, error) {
	in := &ec2.DescribePrefixListsInput{}
	if scope == scopePrefixList {
		id := d.given.Parameters[parameterPrefixList]
		if id == "" {
			return nil, fmt.Errorf("the scope %s needs the parameter %s", scope, parameterPrefixList)
		}
		in.PrefixListIds = []string{id[strings.LastIndexByte(id, '/')+1:]}
	} else {
		in.Filters = []ec2types.Filter{{Name: aws.String("prefix-list-name"), Values: []string{"com.amazonaws." + d.region + "." + scope}}}
	}
	out, err := d.service.deps.Instances.DescribePrefixLists(ctx, in)
	if err != nil {
		return nil, err
	}
	var all []netip.Prefix
	for _, list := range out.PrefixLists {
		for _, text := range list.Cidrs {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				return nil, err
			}
			all = append(all, prefix)
		}
	}
	return all, nil
}
