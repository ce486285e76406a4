package zones_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/components/zones"
)

func TestPlanNamesZonesByRegionAndLetterInOrder(t *testing.T) {
	planned, err := zones.Plan("eu-west-1", []string{"c", "a"})
	require.NoError(t, err)
	require.Equal(t, []zones.Zone{{Letter: "a", Name: "eu-west-1a"}, {Letter: "c", Name: "eu-west-1c"}}, planned)
	require.Equal(t, 2, planned[1].Index(), "the index follows the letter, not the place in the list")
}

func TestPlanRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		region  string
		letters []string
		want    []string
	}{
		"no region":          {"", []string{"a", "b"}, []string{"the region is empty"}},
		"one zone":           {"us-east-1", []string{"a"}, []string{"1 zones chosen"}},
		"five zones":         {"us-east-1", zones.First(5), []string{"5 zones chosen"}},
		"a zone twice":       {"us-east-1", []string{"a", "a"}, []string{`"a" is chosen twice`}},
		"everything at once": {"", []string{"x"}, []string{"the region is empty", "1 zones chosen", `zone letter "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := zones.Plan(test.region, test.letters)
			require.Error(t, err)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestFirstStopsAtTheLastLetter(t *testing.T) {
	require.Equal(t, []string{"a", "b", "c"}, zones.First(3))
	require.Len(t, zones.First(99), len(zones.Letters))
}
