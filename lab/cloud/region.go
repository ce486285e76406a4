package cloud

import (
	"fmt"
	"slices"
	"strings"
)

// Region is one region of the lab.
type Region struct {
	Name  string
	Zones []string // zone names, such as "us-east-1a"
}

// Regions are the regions that the lab offers: those with real AWS names that the provider's static data knows.
func Regions() []Region {
	return []Region{
		{Name: "us-east-1", Zones: zones("us-east-1", "abcdef")},
		{Name: "us-east-2", Zones: zones("us-east-2", "abc")},
		{Name: "us-west-2", Zones: zones("us-west-2", "abcd")},
		{Name: "eu-west-1", Zones: zones("eu-west-1", "abc")},
		{Name: "eu-central-1", Zones: zones("eu-central-1", "abc")},
	}
}

func zones(region, letters string) []string {
	var names []string
	for _, letter := range letters {
		names = append(names, region+string(letter))
	}
	return names
}

// FindRegion returns the region by its name.
func FindRegion(name string) (Region, bool) {
	all := Regions()
	i := slices.IndexFunc(all, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return Region{}, false
	}
	return all[i], true
}

// ZoneID returns a zone's identifier (as "use1-az1" for "us-east-1a"). In AWS the mapping from names differs by
// account (https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html); in the lab it is alphabetical.
func ZoneID(zone string) string {
	region, letter := zone[:len(zone)-1], zone[len(zone)-1]
	parts := strings.Split(region, "-")
	short := parts[0]
	for _, part := range parts[1 : len(parts)-1] {
		short += part[:1]
	}
	return fmt.Sprintf("%s%s-az%d", short, parts[len(parts)-1], letter-'a'+1)
}

// ARN returns an Amazon resource name of the lab's account.
func ARN(service, region, resource string) string {
	return strings.Join([]string{"arn", Partition, service, region, Account, resource}, ":")
}
