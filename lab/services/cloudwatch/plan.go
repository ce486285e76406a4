package cloudwatch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
	"haven/lab/services/cloudwatch/expression"
	"haven/lab/services/cloudwatch/series"
	"haven/lab/services/cloudwatch/summary"
)

// plan is a list of queries for metrics and expressions over them, checked.
type plan struct {
	queries []*planned
	byID    map[string]*planned
}

// planned is one query: for a statistic of a metric, or of an expression.
type planned struct {
	id, label string
	period    int32 // of an expression: 0 when it is not given
	returns   bool

	expression *expression.Expression // nil: a metric's
	metric     series.Metric          // without its region
	unit       string
	statistic  summary.Statistic
}

var goodID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

func newPlan(queries []types.MetricDataQuery) (*plan, error) {
	p := &plan{byID: map[string]*planned{}}
	for _, query := range queries {
		one, err := newPlanned(query)
		if err != nil {
			return nil, err
		}
		if p.byID[one.id] != nil {
			return nil, validation("The id %s is there twice.", one.id)
		}
		p.queries, p.byID[one.id] = append(p.queries, one), one
	}
	for _, one := range p.queries {
		if err := p.checkOrder(one, nil); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func newPlanned(query types.MetricDataQuery) (*planned, error) {
	one := &planned{id: aws.ToString(query.Id), label: aws.ToString(query.Label), period: aws.ToInt32(query.Period), returns: query.ReturnData == nil || *query.ReturnData}
	if !goodID.MatchString(one.id) {
		return nil, validation("The value %q for parameter Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", one.id)
	}
	if strings.Contains(one.label, "${") {
		return nil, unsupported("dynamic labels: %s", one.label)
	}
	if query.AccountId != nil && *query.AccountId != cloud.Account {
		return nil, unsupported("metrics of other accounts: the lab has one account")
	}
	if (query.Expression == nil) == (query.MetricStat == nil) {
		return nil, validation("Exactly one of Expression and MetricStat must be specified for the id %s.", one.id)
	}
	if one.period != 0 {
		if err := checkPeriod(one.period, true); err != nil {
			return nil, err
		}
	}
	if query.Expression == nil {
		return one, one.readStat(query.MetricStat)
	}
	parsed, err := expression.Parse(*query.Expression)
	if err != nil {
		return nil, validation("Error in expression '%s': %v.", one.id, err)
	}
	one.expression = parsed
	return one, nil
}

func (q *planned) readStat(stat *types.MetricStat) error {
	if stat.Metric == nil || stat.Period == nil || stat.Stat == nil || stat.Metric.MetricName == nil || stat.Metric.Namespace == nil {
		return missing("The MetricStat of %s needs a Metric with Namespace and MetricName, a Period and a Stat.", q.id)
	}
	dimensions, err := dimensionsOf(stat.Metric.Dimensions)
	if err != nil {
		return err
	}
	if q.statistic, err = summary.Parse(*stat.Stat); err != nil {
		return validation("The value %s for parameter MetricStat.Stat is not supported.", *stat.Stat)
	}
	q.metric = series.Metric{Namespace: *stat.Metric.Namespace, Name: *stat.Metric.MetricName, Dimensions: dimensions}
	q.unit, q.period = string(stat.Unit), *stat.Period
	return checkPeriod(q.period, true)
}

// checkOrder checks that what an expression stands on is there and does not stand on itself.
func (p *plan) checkOrder(q *planned, above []string) error {
	if slices.Contains(above, q.id) {
		return validation("Error in expression '%s': it depends on itself.", q.id)
	}
	if q.expression == nil {
		return nil
	}
	for _, id := range q.expression.IDs() {
		if p.byID[id] == nil {
			return validation("Error in expression '%s': the id %s is not there.", q.id, id)
		}
		if err := p.checkOrder(p.byID[id], append(above, q.id)); err != nil {
			return err
		}
	}
	return nil
}

// returned returns the queries whose data are asked for.
func (p *plan) returned() []*planned {
	return slices.DeleteFunc(slices.Clone(p.queries), func(q *planned) bool { return !q.returns })
}

// period returns the longest period of the plan, in seconds.
func (p *plan) period() int32 {
	longest := int32(0)
	for _, q := range p.queries {
		longest = max(longest, q.period)
	}
	if longest == 0 {
		return 60
	}
	return longest
}

// periodOf returns a query's period: an expression's is the longest of those it stands on, unless it has its own.
func (p *plan) periodOf(q *planned) time.Duration {
	seconds := q.period
	if seconds == 0 {
		for _, id := range q.expression.IDs() {
			seconds = max(seconds, int32(p.periodOf(p.byID[id])/time.Second))
		}
	}
	if seconds == 0 {
		seconds = p.period()
	}
	return time.Duration(seconds) * time.Second
}

// computation is a plan over a time.
type computation struct {
	*plan
	service *Service
	region  string
	from    func(period time.Duration) time.Time
	to      time.Time
	values  map[string]expression.Value
}

// value computes a query, and what it stands on, once.
func (c *computation) value(q *planned) (expression.Value, error) {
	if known, ok := c.values[q.id]; ok {
		return known, nil
	}
	compute := c.metricValue
	if q.expression != nil {
		compute = c.expressionValue
	}
	value, err := compute(q)
	if err == nil {
		c.values[q.id] = value
	}
	return value, err
}

func (c *computation) metricValue(q *planned) (none expression.Value, err error) {
	m, period := q.metric, c.periodOf(q)
	m.Region = c.region
	cells, err := c.service.data.Read(m, q.unit, c.from(period), c.to, period)
	if err != nil {
		return none, err
	}
	points := expression.Series{}
	for _, cell := range merged(cells) {
		if value, ok := q.statistic.Of(cell.Summary); ok {
			points[cell.Start] = value
		}
	}
	return expression.OfSeries(points), nil
}

// maxGrid is how many periods an expression may span.
const maxGrid = 100_800

func (c *computation) grid(q *planned) expression.Grid {
	period := c.periodOf(q)
	return expression.Grid{Start: c.from(period), End: c.to, Period: period}
}

func (c *computation) expressionValue(q *planned) (none expression.Value, err error) {
	grid := c.grid(q)
	if grid.End.Sub(grid.Start)/grid.Period > maxGrid {
		return none, validation("Error in expression '%s': it spans more than %d periods.", q.id, maxGrid)
	}
	inputs := expression.Inputs{Grid: grid, Values: map[string]expression.Value{}, Metrics: map[string]expression.Value{}}
	for _, id := range q.expression.IDs() {
		if inputs.Values[id], err = c.value(c.byID[id]); err != nil {
			return none, err
		}
	}
	if q.expression.UsesAll() {
		for _, other := range c.queries {
			if other.expression != nil {
				continue
			}
			if inputs.Metrics[other.id], err = c.value(other); err != nil {
				return none, err
			}
		}
	}
	value, err := q.expression.Compute(inputs)
	if err != nil {
		return none, validation("Error in expression '%s': %v.", q.id, err)
	}
	return value, nil
}

// labelOf returns what a query's results are called.
func (q *planned) labelOf(index int) string {
	label := q.label
	if label == "" && q.expression == nil {
		label = q.metric.Name
	}
	if label == "" {
		label = q.id
	}
	if index > 0 {
		label = fmt.Sprintf("%s %d", label, index+1)
	}
	return label
}
