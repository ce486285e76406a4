package scenario

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/drill/history"
	"haven/drill/target"
	"haven/infra/outputs"
)

var threeZones = &target.Environment{Outputs: outputs.Outputs{
	Network:  outputs.Network{Zones: []outputs.Zone{{Letter: "a", Name: "us-east-1a"}, {Letter: "b", Name: "us-east-1b"}, {Letter: "c", Name: "us-east-1c"}}},
	Database: outputs.Database{Members: map[string]string{"a": "db-a", "b": "db-b", "c": "db-c"}},
}}

func TestZonesAreTakenInTurn(t *testing.T) {
	var seen history.History
	s := Stage{Environment: threeZones, Seen: func() history.History { return seen }}
	var taken []string
	for range 4 {
		zone, err := s.nextZone()
		require.NoError(t, err)
		taken = append(taken, zone)
		seen.Marks = append(seen.Marks, history.Mark{Name: history.Injecting}, history.Mark{Name: history.Active})
	}
	require.Equal(t, []string{"us-east-1a", "us-east-1b", "us-east-1c", "us-east-1a"}, taken)
	_, err := Stage{Environment: &target.Environment{}}.nextZone()
	require.ErrorContains(t, err, "there is no zone")
}

func TestAMembersZoneIsTheOneItWasDeclaredIn(t *testing.T) {
	s := Stage{Environment: threeZones}
	zone, err := s.zoneOfMember("db-b")
	require.NoError(t, err)
	require.Equal(t, "us-east-1b", zone)
	_, err = s.zoneOfMember("db-z")
	require.ErrorContains(t, err, "db-z")
}

func TestTheCurrentVersionIsTheOneWithTheStage(t *testing.T) {
	id, err := versionOf(map[string][]string{"1": {"AWSPREVIOUS"}, "2": {"AWSPENDING", "AWSCURRENT"}})
	require.NoError(t, err)
	require.Equal(t, "2", id)
	_, err = versionOf(map[string][]string{"1": {"AWSPENDING"}})
	require.Error(t, err)
}

func TestOnlyTheOutboundEntryIsTheDrills(t *testing.T) {
	entry := func(number int32, egress bool) types.NetworkAcl {
		return types.NetworkAcl{Entries: []types.NetworkAclEntry{{RuleNumber: aws.Int32(number), Egress: aws.Bool(egress)}}}
	}
	require.True(t, hasEntry(entry(blockNumber, true)))
	require.False(t, hasEntry(entry(blockNumber, false)))
	require.False(t, hasEntry(entry(100, true)))
	require.False(t, hasEntry(types.NetworkAcl{}))
}

func TestSoManyServersAreChosenThatFewerThanAThresholdAreLeft(t *testing.T) {
	s := Stage{Random: rand.New(rand.NewPCG(1, 1))}
	for there, wanted := range map[int]int{3: 1, 5: 3} {
		servers := []string{"i-a", "i-b", "i-c", "i-d", "i-e"}[:there]
		chosen, err := s.below(servers, 3)
		require.NoError(t, err)
		require.Len(t, chosen, wanted)
		require.Subset(t, servers, chosen)
		slices.Sort(chosen)
		require.Len(t, slices.Compact(chosen), wanted, "each once")
	}
	_, err := s.below([]string{"i-a", "i-b"}, 3)
	require.ErrorContains(t, err, "2 servers are healthy, fewer than 3 already")
}
