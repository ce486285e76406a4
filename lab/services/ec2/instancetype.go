package ec2

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// instanceType is what AWS's public pages say of an instance type
// (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html).
type instanceType struct {
	name   string
	family instanceFamily
	size   instanceSize
}

type instanceFamily struct {
	arm       bool
	burstable bool
	current   bool
	clock     float64 // sustained GHz; 0: not published
	sizes     map[string]instanceSize
}

type instanceSize struct {
	vcpus      int32
	memoryMiB  int64
	interfaces int32 // network interfaces
	addresses  int32 // IPv4 addresses an interface
}

// The sizes of the families, by memory a vCPU. Interface limits:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html.
var (
	burstableSizes = map[string]instanceSize{
		"nano": {2, 512, 2, 2}, "micro": {2, 1024, 2, 2}, "small": {2, 2048, 3, 4}, "medium": {2, 4096, 3, 6},
		"large": {2, 8192, 3, 12}, "xlarge": {4, 16384, 4, 15}, "2xlarge": {8, 32768, 4, 15},
	}
	generalSizes = sizesOf(4)
	computeSizes = sizesOf(2)
	memorySizes  = sizesOf(8)
)

// sizesOf returns large to 16xlarge of a family with so many GiB a vCPU.
func sizesOf(gibPerCPU int64) map[string]instanceSize {
	sizes := map[string]instanceSize{}
	for _, s := range []struct {
		name                         string
		vcpus, interfaces, addresses int32
	}{
		{"large", 2, 3, 10}, {"xlarge", 4, 4, 15}, {"2xlarge", 8, 4, 15}, {"4xlarge", 16, 8, 30},
		{"8xlarge", 32, 8, 30}, {"12xlarge", 48, 8, 30}, {"16xlarge", 64, 15, 50},
	} {
		sizes[s.name] = instanceSize{s.vcpus, int64(s.vcpus) * gibPerCPU << 10, s.interfaces, s.addresses}
	}
	return sizes
}

// withMedium adds the medium size that Graviton families have.
func withMedium(sizes map[string]instanceSize, memoryMiB int64) map[string]instanceSize {
	more := maps.Clone(sizes)
	more["medium"] = instanceSize{1, memoryMiB, 2, 4}
	return more
}

var instanceFamilies = map[string]instanceFamily{
	"t3":  {burstable: true, current: true, clock: 2.5, sizes: burstableSizes},
	"t3a": {burstable: true, current: true, clock: 2.2, sizes: burstableSizes},
	"t4g": {arm: true, burstable: true, current: true, clock: 2.5, sizes: burstableSizes},
	"m5":  {current: true, clock: 3.1, sizes: generalSizes},
	"m6i": {current: true, clock: 3.5, sizes: generalSizes},
	"m6a": {current: true, clock: 3.6, sizes: generalSizes},
	"m6g": {arm: true, current: true, clock: 2.5, sizes: withMedium(generalSizes, 4096)},
	"m7i": {current: true, clock: 3.2, sizes: generalSizes},
	"m7g": {arm: true, current: true, clock: 2.6, sizes: withMedium(generalSizes, 4096)},
	"c5":  {current: true, clock: 3.4, sizes: map[string]instanceSize{"large": {2, 4096, 3, 10}, "xlarge": {4, 8192, 4, 15}, "2xlarge": {8, 16384, 4, 15}, "4xlarge": {16, 32768, 8, 30}}},
	"c6i": {current: true, clock: 3.5, sizes: computeSizes},
	"c6g": {arm: true, current: true, clock: 2.5, sizes: withMedium(computeSizes, 2048)},
	"c7i": {current: true, clock: 3.2, sizes: computeSizes},
	"c7g": {arm: true, current: true, clock: 2.6, sizes: withMedium(computeSizes, 2048)},
	"r5":  {current: true, clock: 3.1, sizes: memorySizes},
	"r6i": {current: true, clock: 3.5, sizes: memorySizes},
	"r6g": {arm: true, current: true, clock: 2.5, sizes: withMedium(memorySizes, 8192)},
	"r7g": {arm: true, current: true, clock: 2.6, sizes: withMedium(memorySizes, 8192)},
}

func findInstanceType(name string) (instanceType, bool) {
	family, size, _ := strings.Cut(name, ".")
	facts, ok := instanceFamilies[family]
	if !ok {
		return instanceType{}, false
	}
	sized, ok := facts.sizes[size]
	return instanceType{name: name, family: facts, size: sized}, ok
}

// allInstanceTypes returns every type in the order of their names.
func allInstanceTypes() []instanceType {
	var all []instanceType
	for family, facts := range instanceFamilies {
		for size := range facts.sizes {
			kind, _ := findInstanceType(family + "." + size)
			all = append(all, kind)
		}
	}
	slices.SortFunc(all, func(a, b instanceType) int { return strings.Compare(a.name, b.name) })
	return all
}

func (t instanceType) arch() types.ArchitectureValues {
	if t.family.arm {
		return types.ArchitectureValuesArm64
	}
	return types.ArchitectureValuesX8664
}

// threads is how many threads share a core: Graviton's cores have one each.
func (t instanceType) threads() int32 {
	if t.family.arm {
		return 1
	}
	return 2
}

func (t instanceType) cores() int32 { return t.size.vcpus / t.threads() }

func familyNames() string { return strings.Join(slices.Sorted(maps.Keys(instanceFamilies)), ", ") }
