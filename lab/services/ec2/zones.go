package ec2

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var regionFilters = filterSet[types.Region]{named: map[string]func(*types.Region) []string{
	"endpoint":      func(r *types.Region) []string { return text(r.Endpoint) },
	"opt-in-status": func(r *types.Region) []string { return text(r.OptInStatus) },
	"region-name":   func(r *types.Region) []string { return text(r.RegionName) },
}}

// DescribeRegions lists the lab's regions.
func (s *Service) DescribeRegions(ctx context.Context, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	_ = in.AllRegions // every region of the lab is open
	answer := page[types.Region]{set: regionFilters}
	for _, name := range in.RegionNames {
		if _, ok := cloud.FindRegion(name); !ok {
			return nil, cloud.Errorf("InvalidParameterValue", "Invalid region names: %s", name)
		}
	}
	for _, region := range cloud.Regions() {
		if len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, region.Name) {
			continue
		}
		answer.add(region.Name, types.Region{
			RegionName: aws.String(region.Name), Endpoint: aws.String("ec2." + region.Name + ".amazonaws.com"),
			OptInStatus: aws.String("opt-in-not-required"),
		})
	}
	shown, _, err := answer.cut(query{filters: in.Filters})
	return &ec2.DescribeRegionsOutput{Regions: shown}, err
}

var zoneFilters = filterSet[types.AvailabilityZone]{named: map[string]func(*types.AvailabilityZone) []string{
	"group-name":    func(z *types.AvailabilityZone) []string { return text(z.GroupName) },
	"opt-in-status": func(z *types.AvailabilityZone) []string { return []string{string(z.OptInStatus)} },
	"region-name":   func(z *types.AvailabilityZone) []string { return text(z.RegionName) },
	"state":         func(z *types.AvailabilityZone) []string { return []string{string(z.State)} },
	"zone-id":       func(z *types.AvailabilityZone) []string { return text(z.ZoneId) },
	"zone-name":     func(z *types.AvailabilityZone) []string { return text(z.ZoneName) },
	"zone-type":     func(z *types.AvailabilityZone) []string { return text(z.ZoneType) },
}}

// DescribeAvailabilityZones lists the zones of the call's region.
func (s *Service) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	_ = in.AllAvailabilityZones // no zone of the lab has to be opted into
	region, _ := cloud.FindRegion(cloud.RegionOf(ctx))
	for _, name := range in.ZoneNames {
		if err := checkZone(region.Name, name); err != nil {
			return nil, err
		}
	}
	answer := page[types.AvailabilityZone]{set: zoneFilters}
	for _, zone := range region.Zones {
		id := cloud.ZoneID(zone)
		if len(in.ZoneNames)+len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneNames, zone) && !slices.Contains(in.ZoneIds, id) {
			continue
		}
		answer.add(zone, types.AvailabilityZone{
			ZoneName: aws.String(zone), ZoneId: aws.String(id), RegionName: aws.String(region.Name),
			State: types.AvailabilityZoneStateAvailable, OptInStatus: types.AvailabilityZoneOptInStatusOptInNotRequired,
			ZoneType: aws.String("availability-zone"), GroupName: aws.String(region.Name + "-zg-1"),
			NetworkBorderGroup: aws.String(region.Name),
		})
	}
	shown, _, err := answer.cut(query{filters: in.Filters})
	return &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: shown}, err
}

// checkZone refuses a zone that the region does not have.
func checkZone(region, zone string) error {
	known, _ := cloud.FindRegion(region)
	if slices.Contains(known.Zones, zone) {
		return nil
	}
	return cloud.Errorf("InvalidParameterValue",
		"Value (%s) for parameter availabilityZone is invalid. The zones of %s are: %s.", zone, region, strings.Join(known.Zones, ", "))
}

// chooseZone returns the zone that a request names, by name or id; the region's first when it names none.
func chooseZone(region string, name, id *string) (string, error) {
	if id == nil {
		known, _ := cloud.FindRegion(region)
		zone := cmp.Or(aws.ToString(name), known.Zones[0])
		return zone, checkZone(region, zone)
	}
	known, _ := cloud.FindRegion(region)
	for _, zone := range known.Zones {
		if cloud.ZoneID(zone) == *id {
			return zone, nil
		}
	}
	return "", cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter availabilityZoneId is invalid.", *id)
}

// accountAttributes are an account's; "default-vpc" is "none" because the lab's regions begin empty.
func accountAttributes() map[types.AccountAttributeName]string {
	return map[types.AccountAttributeName]string{
		"supported-platforms":                   "VPC",
		"default-vpc":                           "none",
		"vpc-max-security-groups-per-interface": fmt.Sprint(maxGroupsPerInterface),
		"max-instances":                         "1000",
		"vpc-max-elastic-ips":                   fmt.Sprint(maxAddresses),
		"max-elastic-ips":                       fmt.Sprint(maxAddresses),
	}
}

// DescribeAccountAttributes tells the account's attributes.
func (s *Service) DescribeAccountAttributes(ctx context.Context, in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	all := accountAttributes()
	for _, name := range in.AttributeNames {
		if all[name] == "" {
			return nil, cloud.Errorf("InvalidParameterValue", "Value (%s) for parameter attributeNames is invalid", name)
		}
	}
	out := &ec2.DescribeAccountAttributesOutput{}
	for name, value := range all {
		if len(in.AttributeNames) > 0 && !slices.Contains(in.AttributeNames, name) {
			continue
		}
		out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
			AttributeName:   aws.String(string(name)),
			AttributeValues: []types.AccountAttributeValue{{AttributeValue: aws.String(value)}},
		})
	}
	slices.SortFunc(out.AccountAttributes, func(a, b types.AccountAttribute) int {
		return strings.Compare(*a.AttributeName, *b.AttributeName)
	})
	return out, nil
}
