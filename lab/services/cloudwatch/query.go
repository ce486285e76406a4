package cloudwatch

import (
	"time"

	"haven/lab/metric"
	"haven/lab/services/cloudwatch/series"
	"haven/lab/services/cloudwatch/summary"
)

// Query asks for a statistic of a metric.
type Query struct {
	Namespace  string
	Name       string
	Dimensions []metric.Dimension
	Unit       string // empty: any
	Statistic  string // "Sum", "Average", "p99", … see summary.Parse
	From, To   time.Time
	Period     time.Duration // periods begin at From
}

// Point is a period's statistic.
type Point struct {
	Time    time.Time // the period's beginning
	Value   float64
	Samples float64 // how many values it comes from
}

// Values returns the periods that have the statistic, oldest first, for readers inside the lab.
func (s *Service) Values(region string, q Query) ([]Point, error) {
	statistic, err := summary.Parse(q.Statistic)
	if err != nil {
		return nil, err
	}
	m := series.Metric{Region: region, Namespace: q.Namespace, Name: q.Name, Dimensions: series.Sorted(q.Dimensions)}
	cells, err := s.data.Read(m, q.Unit, q.From, q.To, q.Period)
	if err != nil {
		return nil, err
	}
	var points []Point
	for _, cell := range merged(cells) {
		if value, ok := statistic.Of(cell.Summary); ok {
			points = append(points, Point{cell.Start, value, cell.Summary.Count})
		}
	}
	return points, nil
}

// merged puts together what was measured in different units.
func merged(cells []series.Cell) []series.Cell {
	var out []series.Cell
	for _, cell := range cells {
		if last := len(out) - 1; last >= 0 && out[last].Start.Equal(cell.Start) {
			out[last].Summary.Merge(cell.Summary)
			continue
		}
		out = append(out, cell)
	}
	return out
}
