package webtier_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/components/webtier"
)

func TestPlanCapacity(t *testing.T) {
	for name, test := range map[string]struct {
		load  webtier.Load
		zones int
		want  webtier.Capacity
	}{
		"three zones":           {webtier.Load{Stated: 600, Peak: 1800, PerServer: 300}, 3, webtier.Capacity{PerZone: 1, Min: 3, Max: 9}},
		"two zones double":      {webtier.Load{Stated: 600, Peak: 600, PerServer: 300}, 2, webtier.Capacity{PerZone: 2, Min: 4, Max: 4}},
		"a little over":         {webtier.Load{Stated: 601, Peak: 601, PerServer: 300}, 3, webtier.Capacity{PerZone: 2, Min: 6, Max: 6}},
		"one server would do":   {webtier.Load{Stated: 1, Peak: 1, PerServer: 300}, 4, webtier.Capacity{PerZone: 1, Min: 4, Max: 4}},
		"four zones share more": {webtier.Load{Stated: 900, Peak: 2700, PerServer: 300}, 4, webtier.Capacity{PerZone: 1, Min: 4, Max: 12}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := webtier.PlanCapacity(test.load, test.zones)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

// HA-05: whichever zone is lost, the rest carries the stated load.
func TestTheFleetCarriesItsLoadWithAnyZoneGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zoneCount := rapid.IntRange(2, 4).Draw(t, "zones")
		load := webtier.Load{Stated: rapid.IntRange(1, 100000).Draw(t, "stated"), PerServer: rapid.IntRange(1, 5000).Draw(t, "per server")}
		load.Peak = load.Stated * rapid.IntRange(1, 5).Draw(t, "peak factor")
		capacity, err := webtier.PlanCapacity(load, zoneCount)
		if err != nil {
			t.Fatal(err)
		}
		if left := (capacity.Min - capacity.PerZone) * load.PerServer; left < load.Stated {
			t.Fatalf("%+v: with a zone gone %d requests a second are carried, stated are %d", capacity, left, load.Stated)
		}
		if left := capacity.Max / zoneCount * (zoneCount - 1) * load.PerServer; left < load.Peak {
			t.Fatalf("%+v: with a zone gone %d requests a second are carried at most, the peak is %d", capacity, left, load.Peak)
		}
		if (capacity.PerZone-1)*(zoneCount-1)*load.PerServer >= load.Stated {
			t.Fatalf("%+v: a server a zone fewer would do", capacity)
		}
	})
}

func TestPlanCapacityRefuses(t *testing.T) {
	_, err := webtier.PlanCapacity(webtier.Load{Stated: 0, Peak: -1, PerServer: 0}, 1)
	for _, want := range []string{"1 zones", "Load.PerServer is 0", "Load.Stated is 0", "Load.Peak is -1"} {
		require.ErrorContains(t, err, want)
	}
}

func TestRequestsPerMinute(t *testing.T) {
	require.Equal(t, 10800.0, webtier.RequestsPerMinute(webtier.Load{PerServer: 300}, 60))
}
