package dns

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var services = Services{Default: "198.19.255.1", S3: "198.19.254.1", DynamoDB: "198.19.253.1"}

var (
	outside = Asker{}
	inA     = Asker{VPC: "vpc-1", Zone: "us-east-1a"}
	inB     = Asker{VPC: "vpc-1", Zone: "us-east-1b"}
	other   = Asker{VPC: "vpc-2", Zone: "us-east-1a"}
)

func tableOf(records ...Record) *Table {
	t := NewTable(services)
	t.Replace(records)
	return t
}

func sorted(values []string) []string { return slices.Sorted(slices.Values(values)) }

func TestEachAskerHasItsOwnView(t *testing.T) {
	table := tableOf(
		Record{Name: "web.example.com", Type: TypeA, TTL: 60, Values: []string{"198.18.0.1"}},
		Record{Name: "web.example.com", Type: TypeA, TTL: 60, Values: []string{"10.0.0.1"}, VPC: "vpc-1"},
		Record{Name: "fs-1.efs.us-east-1.amazonaws.com", Type: TypeA, Values: []string{"10.0.1.5"}, VPC: "vpc-1", Zone: "us-east-1a"},
		Record{Name: "fs-1.efs.us-east-1.amazonaws.com", Type: TypeA, Values: []string{"10.0.2.5"}, VPC: "vpc-1", Zone: "us-east-1b"},
	)
	require.Equal(t, []string{"198.18.0.1"}, table.Lookup(outside, "WEB.example.com.", TypeA))
	require.Equal(t, []string{"198.18.0.1"}, table.Lookup(other, "web.example.com", TypeA))
	require.Equal(t, []string{"10.0.0.1"}, table.Lookup(inA, "web.example.com", TypeA))
	require.Equal(t, []string{"10.0.1.5"}, table.Lookup(inA, "fs-1.efs.us-east-1.amazonaws.com", TypeA))
	require.Equal(t, []string{"10.0.2.5"}, table.Lookup(inB, "fs-1.efs.us-east-1.amazonaws.com", TypeA))
	require.Empty(t, table.Lookup(other, "fs-1.efs.us-east-1.amazonaws.com", TypeA))
	require.Empty(t, table.Lookup(outside, "nobody.example.com", TypeA))
}

func TestServicesHaveTheirNames(t *testing.T) {
	table := tableOf(Record{Name: "secretsmanager.us-east-1.amazonaws.com", Type: TypeA, Values: []string{"10.0.0.9"}, VPC: "vpc-1"})
	for name, want := range map[string]string{
		"ec2.us-east-1.amazonaws.com":                         services.Default,
		"sts.amazonaws.com":                                   services.Default,
		"secretsmanager.us-east-1.amazonaws.com":              services.Default,
		"s3.amazonaws.com":                                    services.S3,
		"s3.us-west-2.amazonaws.com":                          services.S3,
		"bucket.s3.us-west-2.amazonaws.com":                   services.S3,
		"my.dotted.bucket.s3.amazonaws.com":                   services.S3,
		"bucket.s3.dualstack.eu-central-1.amazonaws.com":      services.S3,
		"dynamodb.us-east-1.amazonaws.com":                    services.DynamoDB,
		"web-1.us-east-1.elb.amazonaws.com":                   "",
		"web-1.elb.us-east-1.amazonaws.com":                   "",
		"db.cluster-abc.us-east-1.rds.amazonaws.com":          "",
		"fs-1.efs.us-east-1.amazonaws.com":                    "",
		"ec2-198-18-0-1.compute-1.amazonaws.com":              "",
		"ec2-198-18-0-1.us-west-2.compute.amazonaws.com":      "",
		"us-east-1.amazonaws.com":                             "",
		"amazonaws.com":                                       "",
		"ec2.us-east-1.amazonaws.com.evil.test":               "",
		"elb.amazonaws.com":                                   "",
		"secretsmanager.us-east-1.amazonaws.com.example.com.": "",
	} {
		var expected []string
		if want != "" {
			expected = []string{want}
		}
		require.Equal(t, expected, table.Lookup(outside, name, TypeA), name)
	}
	require.Equal(t, []string{"10.0.0.9"}, table.Lookup(inA, "secretsmanager.us-east-1.amazonaws.com", TypeA),
		"an interface endpoint's private name goes first")
	require.Equal(t, []string{services.Default}, table.Lookup(inA, "ec2.us-east-1.amazonaws.com", TypeA))
}

func TestChainsAreFollowed(t *testing.T) {
	table := tableOf(
		Record{Name: "www.example.com", Type: TypeCNAME, TTL: 30, Values: []string{"web.example.com."}},
		Record{Name: "web.example.com", Type: TypeA, Alias: "lb.elb.amazonaws.com"},
		Record{Name: "text.example.com", Type: TypeTXT, Alias: "other.example.com"},
		Record{Name: "other.example.com", Type: TypeTXT, TTL: 5, Values: []string{"a text"}},
		Record{Name: "near.example.com", Type: TypeA, Region: "us-west-2", Values: []string{"198.18.0.9"}},
		Record{Name: "near.example.com", Type: TypeA, Region: "us-east-1", Values: []string{"198.18.0.8"}},
		Record{Name: "lb.elb.amazonaws.com", Type: TypeA, TTL: 60, Values: []string{"198.18.0.1", "198.18.0.2"}},
		Record{Name: "loop.example.com", Type: TypeCNAME, Values: []string{"loop2.example.com"}},
		Record{Name: "loop2.example.com", Type: TypeCNAME, Values: []string{"loop.example.com"}},
		Record{Name: "lost.example.com", Type: TypeCNAME, Values: []string{"nowhere.example.com"}},
	)
	require.Equal(t, []string{"198.18.0.1", "198.18.0.2"}, sorted(table.Lookup(outside, "www.example.com", TypeA)))
	a := table.resolve(outside, "www.example.com", TypeA)
	require.Equal(t, value{"www.example.com", TypeCNAME, 30, "web.example.com."}, a.records[0])
	require.Equal(t, "web.example.com", a.records[1].name, "an alias answers under its own name")
	require.Equal(t, []string{"a text"}, table.Lookup(outside, "text.example.com", TypeTXT))
	require.Empty(t, table.Lookup(outside, "text.example.com", TypeA), "an alias is of one type")
	require.Equal(t, []string{"198.18.0.8"}, table.Lookup(inA, "near.example.com", TypeA))
	require.Equal(t, []string{"198.18.0.8"}, table.Lookup(outside, "near.example.com", TypeA))
	require.Equal(t, []string{"198.18.0.9"}, table.Lookup(Asker{VPC: "vpc-9", Zone: "us-west-2c"}, "near.example.com", TypeA))
	require.NotEmpty(t, table.resolve(outside, "loop.example.com", TypeA).loopedAt)
	require.False(t, table.resolve(outside, "lost.example.com", TypeA).exists)
	require.Len(t, table.resolve(outside, "lost.example.com", TypeA).records, 1)
	require.Equal(t, []string{"web.example.com."}, table.Lookup(outside, "www.example.com", TypeCNAME))
}

func TestWildcardsCoverWhatDoesNotExist(t *testing.T) {
	table := tableOf(
		Record{Name: "*.example.com", Type: TypeA, Values: []string{"198.18.0.1"}},
		Record{Name: "known.example.com", Type: TypeTXT, Values: []string{"text"}},
		Record{Name: "a.deep.example.com", Type: TypeA, Values: []string{"198.18.0.2"}},
	)
	require.Equal(t, []string{"198.18.0.1"}, table.Lookup(outside, "any.example.com", TypeA))
	require.Equal(t, []string{"198.18.0.1"}, table.Lookup(outside, "any.thing.example.com", TypeA))
	require.Empty(t, table.Lookup(outside, "known.example.com", TypeA))
	require.Empty(t, table.Lookup(outside, "deep.example.com", TypeA), "it exists: there is a name below it")
	require.Empty(t, table.Lookup(outside, "b.deep.example.com", TypeA))
	require.Empty(t, table.Lookup(outside, "example.com", TypeA))
}

func TestAPrivateZoneHidesThePublicOne(t *testing.T) {
	table := tableOf(
		Record{Name: "example.com", Type: TypeSOA, VPC: "vpc-1"},
		Record{Name: "db.example.com", Type: TypeA, VPC: "vpc-1", Values: []string{"10.0.0.1"}},
		Record{Name: "www.example.com", Type: TypeA, Values: []string{"198.18.0.1"}},
	)
	require.Equal(t, []string{"10.0.0.1"}, table.Lookup(inA, "db.example.com", TypeA))
	require.Empty(t, table.Lookup(inA, "www.example.com", TypeA))
	require.False(t, table.resolve(inA, "www.example.com", TypeA).exists)
	require.True(t, table.resolve(inA, "db.example.com", TypeAAAA).exists)
	require.Equal(t, []string{"198.18.0.1"}, table.Lookup(other, "www.example.com", TypeA))
}

func TestWeightsChooseASet(t *testing.T) {
	table := tableOf(
		Record{Name: "w.example.com", Type: TypeA, Set: "one", Weight: 9, Values: []string{"198.18.0.1"}},
		Record{Name: "w.example.com", Type: TypeA, Set: "two", Weight: 1, Values: []string{"198.18.0.2"}},
		Record{Name: "w.example.com", Type: TypeA, Set: "off", Weight: 0, Values: []string{"198.18.0.3"}},
		Record{Name: "even.example.com", Type: TypeA, Set: "one", Values: []string{"198.18.0.1"}},
		Record{Name: "even.example.com", Type: TypeA, Set: "two", Values: []string{"198.18.0.2"}},
	)
	count := func(name string) map[string]int {
		seen := map[string]int{}
		for range 2000 {
			values := table.Lookup(outside, name, TypeA)
			require.Len(t, values, 1)
			seen[values[0]]++
		}
		return seen
	}
	seen := count("w.example.com")
	require.Zero(t, seen["198.18.0.3"])
	require.InDelta(t, 1800, seen["198.18.0.1"], 100)
	require.InDelta(t, 1000, count("even.example.com")["198.18.0.1"], 150)
}

func TestManyAddressesAreAnsweredInTurn(t *testing.T) {
	var records []Record
	for n := range 12 {
		records = append(records, Record{Name: "many.example.com", Type: TypeA, TTL: 60, Values: []string{fmt.Sprintf("198.18.0.%d", n)}})
	}
	table := tableOf(records...)
	seen, first := map[string]bool{}, map[string]bool{}
	for range 500 {
		values := table.Lookup(outside, "many.example.com", TypeA)
		require.Len(t, values, maxValues)
		require.Len(t, slices.Compact(sorted(values)), maxValues, "no address twice")
		first[values[0]] = true
		for _, v := range values {
			seen[v] = true
		}
	}
	require.Len(t, seen, 12)
	require.Len(t, first, 12)
}
