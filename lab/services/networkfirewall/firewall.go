package networkfirewall

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall"
	"github.com/aws/aws-sdk-go-v2/service/networkfirewall/types"

	"haven/lab/cloud"
)

// CreateFirewall declares a firewall and makes its endpoint in each subnet's zone.
func (s *Service) CreateFirewall(ctx context.Context, in *networkfirewall.CreateFirewallInput) (*networkfirewall.CreateFirewallOutput, error) {
	if err := checkOwnKey(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	region := cloud.RegionOf(ctx)
	made := &firewall{
		object: newObject(region, "firewall", in.FirewallName, in.Description, in.Tags), VPC: aws.ToString(in.VpcId), PolicyARN: aws.ToString(in.FirewallPolicyArn),
		DeleteProtection: in.DeleteProtection, SubnetProtection: in.SubnetChangeProtection, PolicyProtection: in.FirewallPolicyChangeProtection,
	}
	var out networkfirewall.CreateFirewallOutput
	err := s.store.Update(func(tx *cloud.Tx) error {
		if existing, err := firewalls.Get(tx, region, made.Name); err != nil {
			return err
		} else if existing != nil {
			return cloud.Errorf("InvalidRequestException", "A resource with the specified name already exists: %s", made.Name)
		}
		if _, err := findPolicy(tx, region, nil, in.FirewallPolicyArn); err != nil {
			return err
		}
		if err := s.addSubnets(tx, region, made, in.SubnetMappings); err != nil {
			return err
		}
		out.Firewall = made.describe()
		status, err := made.status(tx, region)
		if err != nil {
			return err
		}
		out.FirewallStatus = status
		return firewalls.Put(tx, region, made.Name, made)
	})
	return &out, err
}

// addSubnets makes an endpoint in each subnet: one a zone, all in the firewall's VPC.
func (s *Service) addSubnets(tx *cloud.Tx, region string, f *firewall, mappings []types.SubnetMapping) error {
	if len(mappings) == 0 {
		return cloud.Errorf("InvalidRequestException", "A firewall needs a subnet mapping.")
	}
	for _, mapping := range mappings {
		subnet, err := s.endpoints.Subnet(tx, region, aws.ToString(mapping.SubnetId))
		if err != nil {
			return cloud.Errorf("InvalidRequestException", "subnet mapping: %v", err)
		}
		if mapping.IPAddressType != "" && mapping.IPAddressType != types.IPAddressTypeIpv4 {
			return cloud.Unsupportedf("InvalidRequestException", "IP address type %s of a subnet mapping", mapping.IPAddressType)
		}
		if subnet.VPCID != f.VPC {
			return cloud.Errorf("InvalidRequestException", "The subnet %s is in %s, the firewall in %s.", subnet.ID, subnet.VPCID, f.VPC)
		}
		if slices.ContainsFunc(f.Endpoints, func(e endpoint) bool { return e.Zone == subnet.Zone }) {
			return cloud.Errorf("InvalidRequestException", "The firewall has a subnet in %s already; it has one a zone.", subnet.Zone)
		}
		endpointID, interfaceID, err := s.endpoints.CreateFirewallEndpoint(tx, region, subnet.ID, f.ARN)
		if err != nil {
			return err
		}
		f.Endpoints = append(f.Endpoints, endpoint{SubnetID: subnet.ID, Zone: subnet.Zone, EndpointID: endpointID, InterfaceID: interfaceID})
	}
	return nil
}

func (f *firewall) mappings() []types.SubnetMapping {
	var all []types.SubnetMapping
	for _, e := range f.Endpoints {
		all = append(all, types.SubnetMapping{SubnetId: aws.String(e.SubnetID), IPAddressType: types.IPAddressTypeIpv4})
	}
	return all
}

func (f *firewall) describe() *types.Firewall {
	described := &types.Firewall{
		FirewallArn: aws.String(f.ARN), FirewallId: aws.String(f.ID), FirewallName: aws.String(f.Name), FirewallPolicyArn: aws.String(f.PolicyARN),
		VpcId: aws.String(f.VPC), SubnetMappings: f.mappings(), DeleteProtection: f.DeleteProtection, SubnetChangeProtection: f.SubnetProtection,
		FirewallPolicyChangeProtection: f.PolicyProtection, EncryptionConfiguration: ownedKey, Tags: f.tags(),
	}
	if f.Description != "" {
		described.Description = aws.String(f.Description)
	}
	return described
}

// status tells each zone's endpoint and that the policy and its groups are in force there: the network follows the
// store within the same moment.
func (f *firewall) status(tx *cloud.Tx, region string) (*types.FirewallStatus, error) {
	policy, err := findPolicy(tx, region, nil, &f.PolicyARN)
	if err != nil {
		return nil, err
	}
	config := map[string]types.PerObjectStatus{f.PolicyARN: {SyncStatus: types.PerObjectSyncStatusInSync, UpdateToken: aws.String(policy.Token)}}
	groups, err := groupsOf(tx, region, policy.Policy)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		config[g.ARN] = types.PerObjectStatus{SyncStatus: types.PerObjectSyncStatusInSync, UpdateToken: aws.String(g.Token)}
	}
	states := map[string]types.SyncState{}
	for _, e := range f.Endpoints {
		states[e.Zone] = types.SyncState{Config: config, Attachment: &types.Attachment{
			EndpointId: aws.String(e.EndpointID), SubnetId: aws.String(e.SubnetID), Status: types.AttachmentStatusReady,
		}}
	}
	return &types.FirewallStatus{
		Status: types.FirewallStatusValueReady, ConfigurationSyncStateSummary: types.ConfigurationSyncStateInSync, SyncStates: states,
	}, nil
}

// DescribeFirewall returns a firewall with its endpoints.
func (s *Service) DescribeFirewall(ctx context.Context, in *networkfirewall.DescribeFirewallInput) (out *networkfirewall.DescribeFirewallOutput, err error) {
	err = s.store.View(func(tx *cloud.Tx) error {
		found, err := findFirewall(tx, cloud.RegionOf(ctx), in.FirewallName, in.FirewallArn)
		if err != nil {
			return err
		}
		status, err := found.status(tx, cloud.RegionOf(ctx))
		out = &networkfirewall.DescribeFirewallOutput{Firewall: found.describe(), FirewallStatus: status, UpdateToken: aws.String(found.Token)}
		return err
	})
	return out, err
}

// change applies one change to a firewall.
func (s *Service) change(ctx context.Context, name, arn, token *string, apply func(tx *cloud.Tx, f *firewall) error) (changed *firewall, err error) {
	err = s.store.Update(func(tx *cloud.Tx) error {
		if changed, err = findFirewall(tx, cloud.RegionOf(ctx), name, arn); err != nil {
			return err
		}
		if err := changed.checkToken(token); err != nil {
			return err
		}
		if err := apply(tx, changed); err != nil {
			return err
		}
		changed.touch()
		return firewalls.Put(tx, cloud.RegionOf(ctx), changed.Name, changed)
	})
	return changed, err
}

// UpdateFirewallDeleteProtection sets whether the firewall can be deleted.
func (s *Service) UpdateFirewallDeleteProtection(ctx context.Context, in *networkfirewall.UpdateFirewallDeleteProtectionInput) (*networkfirewall.UpdateFirewallDeleteProtectionOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(_ *cloud.Tx, f *firewall) error { f.DeleteProtection = in.DeleteProtection; return nil })
	if err != nil {
		return nil, err
	}
	return &networkfirewall.UpdateFirewallDeleteProtectionOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, DeleteProtection: f.DeleteProtection, UpdateToken: &f.Token}, nil
}

// UpdateSubnetChangeProtection sets whether the firewall's subnets can be changed.
func (s *Service) UpdateSubnetChangeProtection(ctx context.Context, in *networkfirewall.UpdateSubnetChangeProtectionInput) (*networkfirewall.UpdateSubnetChangeProtectionOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(_ *cloud.Tx, f *firewall) error {
		f.SubnetProtection = in.SubnetChangeProtection
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.UpdateSubnetChangeProtectionOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, SubnetChangeProtection: f.SubnetProtection, UpdateToken: &f.Token}, nil
}

// UpdateFirewallPolicyChangeProtection sets whether the firewall can get another policy.
func (s *Service) UpdateFirewallPolicyChangeProtection(ctx context.Context, in *networkfirewall.UpdateFirewallPolicyChangeProtectionInput) (*networkfirewall.UpdateFirewallPolicyChangeProtectionOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(_ *cloud.Tx, f *firewall) error {
		f.PolicyProtection = in.FirewallPolicyChangeProtection
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.UpdateFirewallPolicyChangeProtectionOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, FirewallPolicyChangeProtection: f.PolicyProtection, UpdateToken: &f.Token}, nil
}

// UpdateFirewallDescription changes the description.
func (s *Service) UpdateFirewallDescription(ctx context.Context, in *networkfirewall.UpdateFirewallDescriptionInput) (*networkfirewall.UpdateFirewallDescriptionOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(_ *cloud.Tx, f *firewall) error {
		f.Description = aws.ToString(in.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.UpdateFirewallDescriptionOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, Description: &f.Description, UpdateToken: &f.Token}, nil
}

// AssociateFirewallPolicy gives the firewall another policy.
func (s *Service) AssociateFirewallPolicy(ctx context.Context, in *networkfirewall.AssociateFirewallPolicyInput) (*networkfirewall.AssociateFirewallPolicyOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(tx *cloud.Tx, f *firewall) error {
		if f.PolicyProtection {
			return cloud.Errorf("InvalidOperationException", "The firewall %s is protected from a change of its policy; turn the protection off first.", f.Name)
		}
		if _, err := findPolicy(tx, cloud.RegionOf(ctx), nil, in.FirewallPolicyArn); err != nil {
			return err
		}
		f.PolicyARN = *in.FirewallPolicyArn
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.AssociateFirewallPolicyOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, FirewallPolicyArn: &f.PolicyARN, UpdateToken: &f.Token}, nil
}

func (f *firewall) checkSubnetProtection() error {
	if f.SubnetProtection {
		return cloud.Errorf("InvalidOperationException", "The firewall %s is protected from changes of its subnets; turn the protection off first.", f.Name)
	}
	return nil
}

// AssociateSubnets adds endpoints.
func (s *Service) AssociateSubnets(ctx context.Context, in *networkfirewall.AssociateSubnetsInput) (*networkfirewall.AssociateSubnetsOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(tx *cloud.Tx, f *firewall) error {
		if err := f.checkSubnetProtection(); err != nil {
			return err
		}
		return s.addSubnets(tx, cloud.RegionOf(ctx), f, in.SubnetMappings)
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.AssociateSubnetsOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, SubnetMappings: f.mappings(), UpdateToken: &f.Token}, nil
}

// DisassociateSubnets removes endpoints; the last one stays.
func (s *Service) DisassociateSubnets(ctx context.Context, in *networkfirewall.DisassociateSubnetsInput) (*networkfirewall.DisassociateSubnetsOutput, error) {
	f, err := s.change(ctx, in.FirewallName, in.FirewallArn, in.UpdateToken, func(tx *cloud.Tx, f *firewall) error {
		if err := f.checkSubnetProtection(); err != nil {
			return err
		}
		return s.removeSubnets(tx, cloud.RegionOf(ctx), f, in.SubnetIds)
	})
	if err != nil {
		return nil, err
	}
	return &networkfirewall.DisassociateSubnetsOutput{FirewallArn: &f.ARN, FirewallName: &f.Name, SubnetMappings: f.mappings(), UpdateToken: &f.Token}, nil
}

func (s *Service) removeSubnets(tx *cloud.Tx, region string, f *firewall, subnets []string) error {
	var kept []endpoint
	for _, e := range f.Endpoints {
		if !slices.Contains(subnets, e.SubnetID) {
			kept = append(kept, e)
			continue
		}
		if err := s.endpoints.DeleteFirewallEndpoint(tx, region, e.EndpointID); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return cloud.Errorf("InvalidRequestException", "A firewall keeps at least one subnet.")
	}
	f.Endpoints = kept
	return nil
}

// DeleteFirewall removes a firewall that is not protected, with its endpoints.
func (s *Service) DeleteFirewall(ctx context.Context, in *networkfirewall.DeleteFirewallInput) (out *networkfirewall.DeleteFirewallOutput, err error) {
	region := cloud.RegionOf(ctx)
	err = s.store.Update(func(tx *cloud.Tx) error {
		found, err := findFirewall(tx, region, in.FirewallName, in.FirewallArn)
		if err != nil {
			return err
		}
		if found.DeleteProtection {
			return cloud.Errorf("InvalidOperationException", "The firewall %s is protected from deletion; turn the protection off first.", found.Name)
		}
		status, err := found.status(tx, region)
		if err != nil {
			return err
		}
		status.Status = types.FirewallStatusValueDeleting
		for _, e := range found.Endpoints {
			if err := s.endpoints.DeleteFirewallEndpoint(tx, region, e.EndpointID); err != nil {
				return err
			}
		}
		out = &networkfirewall.DeleteFirewallOutput{Firewall: found.describe(), FirewallStatus: status}
		return firewalls.Delete(tx, region, found.Name)
	})
	return out, err
}

// ListFirewalls returns the account's firewalls.
func (s *Service) ListFirewalls(ctx context.Context, in *networkfirewall.ListFirewallsInput) (*networkfirewall.ListFirewallsOutput, error) {
	var all []*firewall
	err := s.store.View(func(tx *cloud.Tx) error {
		rows, err := firewalls.List(tx, cloud.RegionOf(ctx))
		for _, row := range rows {
			if len(in.VpcIds) == 0 || slices.Contains(in.VpcIds, row.VPC) {
				all = append(all, row)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	page, next, err := page(all, func(f *firewall) string { return f.Name }, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	out := &networkfirewall.ListFirewallsOutput{NextToken: next}
	for _, f := range page {
		out.Firewalls = append(out.Firewalls, types.FirewallMetadata{FirewallArn: aws.String(f.ARN), FirewallName: aws.String(f.Name)})
	}
	return out, nil
}
