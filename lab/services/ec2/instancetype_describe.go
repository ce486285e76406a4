package ec2

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"haven/lab/cloud"
)

var instanceTypeFilters = filterSet[types.InstanceTypeInfo]{named: map[string]func(*types.InstanceTypeInfo) []string{
	"bare-metal":                      func(t *types.InstanceTypeInfo) []string { return flag(t.BareMetal) },
	"burstable-performance-supported": func(t *types.InstanceTypeInfo) []string { return flag(t.BurstablePerformanceSupported) },
	"current-generation":              func(t *types.InstanceTypeInfo) []string { return flag(t.CurrentGeneration) },
	"free-tier-eligible":              func(t *types.InstanceTypeInfo) []string { return flag(t.FreeTierEligible) },
	"hypervisor":                      func(t *types.InstanceTypeInfo) []string { return []string{string(t.Hypervisor)} },
	"instance-storage-supported":      func(t *types.InstanceTypeInfo) []string { return flag(t.InstanceStorageSupported) },
	"instance-type":                   func(t *types.InstanceTypeInfo) []string { return []string{string(t.InstanceType)} },
	"memory-info.size-in-mib": func(t *types.InstanceTypeInfo) []string {
		return []string{strconv.FormatInt(*t.MemoryInfo.SizeInMiB, 10)}
	},
	"processor-info.supported-architecture": func(t *types.InstanceTypeInfo) []string {
		return each(t.ProcessorInfo.SupportedArchitectures, func(a types.ArchitectureType) []string { return []string{string(a)} })
	},
	"supported-usage-class": func(t *types.InstanceTypeInfo) []string {
		return each(t.SupportedUsageClasses, func(c types.UsageClassType) []string { return []string{string(c)} })
	},
	"supported-virtualization-type": func(t *types.InstanceTypeInfo) []string {
		return each(t.SupportedVirtualizationTypes, func(v types.VirtualizationType) []string { return []string{string(v)} })
	},
	"vcpu-info.default-vcpus": func(t *types.InstanceTypeInfo) []string { return number(t.VCpuInfo.DefaultVCpus) },
	"vcpu-info.default-cores": func(t *types.InstanceTypeInfo) []string { return number(t.VCpuInfo.DefaultCores) },
}}

// DescribeInstanceTypes lists the instance types that the lab knows.
func (s *Service) DescribeInstanceTypes(ctx context.Context, in *ec2.DescribeInstanceTypesInput) (*ec2.DescribeInstanceTypesOutput, error) {
	answer := page[types.InstanceTypeInfo]{set: instanceTypeFilters}
	for _, name := range in.InstanceTypes {
		kind, ok := findInstanceType(string(name))
		if !ok {
			return nil, cloud.Errorf("InvalidInstanceType", "The following supplied instance types do not exist: [%s]. The lab knows these families: %s.", name, familyNames())
		}
		answer.add(kind.name, kind.show())
	}
	if len(in.InstanceTypes) == 0 {
		for _, kind := range allInstanceTypes() {
			answer.add(kind.name, kind.show())
		}
	}
	shown, next, err := answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return &ec2.DescribeInstanceTypesOutput{InstanceTypes: shown, NextToken: next}, err
}

func (t instanceType) show() types.InstanceTypeInfo {
	return types.InstanceTypeInfo{
		InstanceType: types.InstanceType(t.name), BareMetal: aws.Bool(false), BurstablePerformanceSupported: aws.Bool(t.family.burstable),
		CurrentGeneration: aws.Bool(t.family.current), FreeTierEligible: aws.Bool(t.name == "t3.micro"), Hypervisor: types.InstanceTypeHypervisorNitro,
		InstanceStorageSupported: aws.Bool(false), HibernationSupported: aws.Bool(false), DedicatedHostsSupported: aws.Bool(false), AutoRecoverySupported: aws.Bool(true),
		MemoryInfo: &types.MemoryInfo{SizeInMiB: aws.Int64(t.size.memoryMiB)},
		VCpuInfo: &types.VCpuInfo{
			DefaultVCpus: aws.Int32(t.size.vcpus), DefaultCores: aws.Int32(t.cores()), DefaultThreadsPerCore: aws.Int32(t.threads()),
		},
		ProcessorInfo: &types.ProcessorInfo{
			SupportedArchitectures: []types.ArchitectureType{types.ArchitectureType(t.arch())}, SustainedClockSpeedInGhz: aws.Float64(t.family.clock),
		},
		NetworkInfo: &types.NetworkInfo{
			MaximumNetworkInterfaces: aws.Int32(t.size.interfaces), Ipv4AddressesPerInterface: aws.Int32(t.size.addresses),
			EnaSupport: types.EnaSupportRequired, MaximumNetworkCards: aws.Int32(1), DefaultNetworkCardIndex: aws.Int32(0), Ipv6Supported: aws.Bool(true),
		},
		SupportedRootDeviceTypes:     []types.RootDeviceType{types.RootDeviceTypeEbs},
		SupportedUsageClasses:        []types.UsageClassType{types.UsageClassTypeOnDemand},
		SupportedVirtualizationTypes: []types.VirtualizationType{types.VirtualizationTypeHvm},
	}
}

// DescribeInstanceTypeOfferings tells where instance types are offered: all of them in every zone.
func (s *Service) DescribeInstanceTypeOfferings(ctx context.Context, in *ec2.DescribeInstanceTypeOfferingsInput) (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
	region, _ := cloud.FindRegion(cloud.RegionOf(ctx))
	var locations []string
	switch in.LocationType {
	case "", types.LocationTypeRegion:
		locations = []string{region.Name}
	case types.LocationTypeAvailabilityZone:
		locations = region.Zones
	case types.LocationTypeAvailabilityZoneId:
		for _, zone := range region.Zones {
			locations = append(locations, cloud.ZoneID(zone))
		}
	default:
		return nil, cloud.Unsupportedf("UnsupportedOperation", "the location type %s", in.LocationType)
	}
	kind := in.LocationType
	if kind == "" {
		kind = types.LocationTypeRegion
	}
	answer := page[types.InstanceTypeOffering]{set: filterSet[types.InstanceTypeOffering]{named: map[string]func(*types.InstanceTypeOffering) []string{
		"instance-type": func(o *types.InstanceTypeOffering) []string { return []string{string(o.InstanceType)} },
		"location":      func(o *types.InstanceTypeOffering) []string { return text(o.Location) },
	}}}
	for _, offered := range allInstanceTypes() {
		for _, location := range locations {
			answer.add(offered.name+"/"+location, types.InstanceTypeOffering{
				InstanceType: types.InstanceType(offered.name), Location: aws.String(location), LocationType: kind,
			})
		}
	}
	shown, next, err := answer.cut(query{filters: in.Filters, limit: in.MaxResults, token: in.NextToken})
	return &ec2.DescribeInstanceTypeOfferingsOutput{InstanceTypeOfferings: shown, NextToken: next}, err
}
