package network

import (
	"testing"

	"pgregory.net/rapid"

	"haven/components/zones"
)

// A tier that comes later takes a free unit of its zone's block: whichever it
// takes, no subnet that exists is touched.
func TestATierMoreFitsBesideAllOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfNDistinct(rapid.SampledFrom(zones.First(8)), 2, 4, rapid.ID[string]).Draw(t, "letters")
		spread, err := zones.Plan("us-east-1", letters)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := NewPlan("10.64.0.0/16", spread)
		if err != nil {
			t.Fatal(err)
		}
		more := slot{start: rapid.IntRange(113, 127).Draw(t, "unit"), bits: unitBits}
		for _, zone := range spread {
			added := place(plan.VPC, zone, more)
			if !plan.VPC.Contains(added.Addr()) {
				t.Fatalf("%s is outside %s", added, plan.VPC)
			}
			for _, subnet := range plan.Subnets {
				if added.Overlaps(subnet.CIDR) {
					t.Fatalf("a tier at unit %d, %s, overlaps %s %s", more.start, added, subnet.Name, subnet.CIDR)
				}
			}
		}
	})
}
