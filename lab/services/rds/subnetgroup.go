package rds

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"haven/lab/cloud"
)

var subnetGroupName = regexp.MustCompile(`^[a-zA-Z0-9 ._-]{1,255}$`)

// CreateDBSubnetGroup names the subnets that instances may be in: at least two zones'.
func (s *Service) CreateDBSubnetGroup(ctx context.Context, in *rds.CreateDBSubnetGroupInput) (*rds.CreateDBSubnetGroupOutput, error) {
	name := strings.ToLower(aws.ToString(in.DBSubnetGroupName))
	if !subnetGroupName.MatchString(name) || name == "default" {
		return nil, cloud.Errorf("InvalidParameterValue", "The parameter DBSubnetGroupName is not valid: %q", name)
	}
	out := &rds.CreateDBSubnetGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		if existing, err := subnetGroups.Get(tx, region, name); err != nil || existing != nil {
			return orExists(err, "DBSubnetGroupAlreadyExists", "The DB subnet group '%s' already exists.", name)
		}
		row := &subnetGroupRow{Name: name, Region: region, Description: aws.ToString(in.DBSubnetGroupDescription)}
		if err := s.setSubnets(tx, row, in.SubnetIds); err != nil {
			return err
		}
		if err := setTags(tx, region, row.arn(), in.Tags); err != nil {
			return err
		}
		out.DBSubnetGroup = row.describe()
		return subnetGroups.Put(tx, region, name, row)
	})
}

// orExists returns err, or the code's error when there is none.
func orExists(err error, code, format string, args ...any) error {
	if err != nil {
		return err
	}
	return cloud.Errorf(code, format, args...)
}

func (s *Service) setSubnets(tx *cloud.Tx, row *subnetGroupRow, ids []string) error {
	var facts []subnetFact
	var zones []string
	vpc := ""
	for _, id := range ids {
		subnet, err := s.network.Subnet(tx, row.Region, id)
		if cloud.HasCode(err, "InvalidSubnetID.NotFound") {
			return cloud.Errorf("InvalidSubnet", "Some input subnets in :[%s] are invalid.", strings.Join(ids, ", "))
		}
		if err != nil {
			return err
		}
		if vpc != "" && subnet.VPCID != vpc {
			return cloud.Errorf("InvalidSubnet", "The subnets are not all in the same VPC: %s and %s", vpc, subnet.VPCID)
		}
		vpc = subnet.VPCID
		facts = append(facts, subnetFact{ID: id, Zone: subnet.Zone})
		zones = append(zones, subnet.Zone)
	}
	slices.Sort(zones)
	if zones = slices.Compact(zones); len(zones) < 2 {
		return cloud.Errorf("DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "+
			"Current AZ coverage: %s. Add subnets to cover at least 2 AZs.", strings.Join(zones, ", "))
	}
	row.VPC, row.Subnets = vpc, facts
	return nil
}

func (g *subnetGroupRow) describe() *types.DBSubnetGroup {
	out := &types.DBSubnetGroup{
		DBSubnetGroupName: aws.String(g.Name), DBSubnetGroupArn: aws.String(g.arn()),
		DBSubnetGroupDescription: aws.String(g.Description), SubnetGroupStatus: aws.String("Complete"),
		VpcId: aws.String(g.VPC), SupportedNetworkTypes: []string{"IPV4"},
	}
	for _, subnet := range g.Subnets {
		out.Subnets = append(out.Subnets, types.Subnet{
			SubnetIdentifier: aws.String(subnet.ID), SubnetStatus: aws.String("Active"),
			SubnetAvailabilityZone: &types.AvailabilityZone{Name: aws.String(subnet.Zone)},
		})
	}
	return out
}

// ModifyDBSubnetGroup replaces the subnets; one that an instance is in must stay.
func (s *Service) ModifyDBSubnetGroup(ctx context.Context, in *rds.ModifyDBSubnetGroupInput) (*rds.ModifyDBSubnetGroupOutput, error) {
	out := &rds.ModifyDBSubnetGroupOutput{}
	return out, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findSubnetGroup(tx, region, aws.ToString(in.DBSubnetGroupName))
		if err != nil {
			return err
		}
		row.Description = or(in.DBSubnetGroupDescription, row.Description)
		old := row.VPC
		if err := s.setSubnets(tx, row, in.SubnetIds); err != nil {
			return err
		}
		if row.VPC != old {
			return cloud.Errorf("InvalidSubnet", "The new Subnets are not in the same Vpc as the existing subnet group")
		}
		if err := checkZonesStay(tx, row); err != nil {
			return err
		}
		out.DBSubnetGroup = row.describe()
		return subnetGroups.Put(tx, region, row.Name, row)
	})
}

func checkZonesStay(tx *cloud.Tx, group *subnetGroupRow) error {
	used, err := clustersIn(tx, group)
	if err != nil {
		return err
	}
	for _, cluster := range used {
		own, err := members(tx, group.Region, cluster.Name)
		if err != nil {
			return err
		}
		for _, instance := range own {
			if !slices.ContainsFunc(group.Subnets, func(f subnetFact) bool { return f.Zone == instance.Zone }) {
				return cloud.Errorf("SubnetAlreadyInUse", "The subnet of zone %s is in use by DB instance %s.", instance.Zone, instance.Name)
			}
		}
	}
	return nil
}

func clustersIn(tx *cloud.Tx, group *subnetGroupRow) ([]*clusterRow, error) {
	all, err := clusters.List(tx, group.Region)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(c *clusterRow) bool { return c.SubnetGroup != group.Name }), nil
}

// DeleteDBSubnetGroup deletes a group that no cluster uses.
func (s *Service) DeleteDBSubnetGroup(ctx context.Context, in *rds.DeleteDBSubnetGroupInput) (*rds.DeleteDBSubnetGroupOutput, error) {
	return &rds.DeleteDBSubnetGroupOutput{}, s.update(ctx, func(tx *cloud.Tx, region string) error {
		row, err := findSubnetGroup(tx, region, aws.ToString(in.DBSubnetGroupName))
		if err != nil {
			return err
		}
		used, err := clustersIn(tx, row)
		if err != nil {
			return err
		}
		if len(used) > 0 {
			return cloud.Errorf("InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group '%s' because at least one database instance: %s is still using it.", row.Name, used[0].Name)
		}
		if err := tags.Delete(tx, region, row.arn()); err != nil {
			return err
		}
		return subnetGroups.Delete(tx, region, row.Name)
	})
}

// DescribeDBSubnetGroups lists subnet groups.
func (s *Service) DescribeDBSubnetGroups(ctx context.Context, in *rds.DescribeDBSubnetGroupsInput) (*rds.DescribeDBSubnetGroupsOutput, error) {
	if err := refuse("DescribeDBSubnetGroups", map[string]bool{"Filters": len(in.Filters) > 0}); err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSubnetGroupsOutput{}
	return out, s.view(ctx, func(tx *cloud.Tx, region string) error {
		all, err := subnetGroups.List(tx, region)
		if in.DBSubnetGroupName != nil {
			var row *subnetGroupRow
			row, err = findSubnetGroup(tx, region, *in.DBSubnetGroupName)
			all = []*subnetGroupRow{row}
		}
		if err != nil {
			return err
		}
		items, next, err := page(all, func(g *subnetGroupRow) string { return g.Name }, in.Marker, in.MaxRecords)
		out.Marker = next
		for _, row := range items {
			out.DBSubnetGroups = append(out.DBSubnetGroups, *row.describe())
		}
		return err
	})
}
