package series

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"haven/lab/metric"
)

// Metric is a metric's identity.
type Metric struct {
	Region     string
	Namespace  string
	Name       string
	Dimensions []metric.Dimension // sorted by name, see Sorted
}

// Sorted returns dimensions in the order of their names.
func Sorted(dimensions []metric.Dimension) []metric.Dimension {
	sorted := slices.Clone(dimensions)
	slices.SortFunc(sorted, func(a, b metric.Dimension) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return sorted
}

// Key returns the identity as one string, in whose order metrics are listed.
func (m Metric) Key() string {
	var key strings.Builder
	key.WriteString(m.Region + "\x00" + m.Namespace + "\x00" + m.Name)
	for _, d := range m.Dimensions {
		key.WriteString("\x00" + d.Name + "\x01" + d.Value)
	}
	return key.String()
}

// track is a metric's measurements in one unit.
type track struct {
	ID     uint32
	Metric Metric
	Unit   string
	First  int64 // seconds since 1970, of the oldest bucket
	Last   int64 // of the newest one
	saved  int64 // what the file has as Last; 0: not there
}

// tier is a resolution.
type tier struct {
	width int64 // seconds of a bucket
	block int64 // seconds of a block
	keep  time.Duration
}

const day = 24 * time.Hour

// tiers are the resolutions. Measurements go into the second (all) and the first (those that are finer than a minute);
// the others take what the one before has kept long enough.
var tiers = []tier{
	{width: 1, block: 60, keep: 3 * time.Hour},
	{width: 60, block: 15 * 60, keep: 15 * day},
	{width: 300, block: 4 * 3600, keep: 63 * day},
	{width: 3600, block: 24 * 3600, keep: 455 * day},
}

const (
	seconds = 0
	minutes = 1
)

// blockKey names a block.
type blockKey struct {
	tier  int
	start int64 // seconds since 1970
	track uint32
}

func (k blockKey) end() int64 { return k.start + tiers[k.tier].block }

// floor rounds down to a multiple.
func floor(at, width int64) int64 { return at - ((at%width)+width)%width }

// ErrFull says that there are as many metrics as the lab keeps.
var ErrFull = fmt.Errorf("the lab keeps at most %d metrics (each namespace, name, set of dimensions and unit is one)", maxTracks)

const maxTracks = 100_000
