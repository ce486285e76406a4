package cloudwatchlogs

import (
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"haven/lab/cloud"
	"haven/lab/metric"
	"haven/lab/services/cloudwatchlogs/journal"
	"haven/lab/services/cloudwatchlogs/pattern"
)

// counting is what metric filters remember: their patterns, read once, and the minute in which each last had something
// to tell, so that the default value is told once a minute.
type counting struct {
	mu       sync.Mutex
	patterns map[string]*pattern.Pattern
	told     map[string]int64 // minutes since 1970, by filter
}

// maxPatterns bounds what is remembered; past it everything is read anew.
const maxPatterns = 1000

// count has a group's metric filters look at events that were just kept.
func (s *Service) count(region, group string, events []journal.Event) {
	var filters []*types.MetricFilter
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		filters, err = filtersOf(tx, region, group)
		return err
	})
	if err != nil {
		s.log.Warn("metric filters were not applied", "group", group, "error", err)
		return
	}
	for _, filter := range filters {
		lines, err := s.counting.pattern(aws.ToString(filter.FilterPattern))
		if err != nil { // it was checked when it was put
			s.log.Warn("a metric filter's pattern cannot be read", "group", group, "filter", *filter.FilterName, "error", err)
			continue
		}
		for _, transformation := range filter.MetricTransformations {
			s.apply(region, streamID(region+":"+group, *filter.FilterName), lines, transformation, events)
		}
	}
}

// apply measures what a filter makes of events. Those that do not match tell the default value, once a minute in which
// none did.
func (s *Service) apply(region, id string, lines *pattern.Pattern, t types.MetricTransformation, events []journal.Event) {
	for _, event := range events {
		if match, ok := lines.Match(event.Message); ok {
			if datum, ok := datumOf(t, match); ok {
				datum.Time = time.UnixMilli(event.Timestamp)
				s.counting.first(id, event.Timestamp)
				s.metrics.Record(region, datum)
			}
			continue
		}
		if t.DefaultValue != nil && s.counting.first(id, event.Timestamp) {
			s.metrics.Record(region, metric.Datum{
				Namespace: *t.MetricNamespace, Name: *t.MetricName, Unit: string(t.Unit), Values: []float64{*t.DefaultValue}, Time: time.UnixMilli(event.Timestamp),
			})
		}
	}
}

// datumOf returns what a transformation makes of a line; none where its value is no number, or a dimension is missing.
func datumOf(t types.MetricTransformation, match pattern.Match) (metric.Datum, bool) {
	value, err := strconv.ParseFloat(*t.MetricValue, 64)
	if err != nil {
		text, ok := match.Field(*t.MetricValue)
		if value, err = strconv.ParseFloat(text, 64); !ok || err != nil {
			return metric.Datum{}, false
		}
	}
	datum := metric.Datum{Namespace: *t.MetricNamespace, Name: *t.MetricName, Unit: string(t.Unit), Values: []float64{value}}
	for name, reference := range t.Dimensions {
		text, ok := match.Field(reference)
		if !ok || text == "" {
			return metric.Datum{}, false
		}
		datum.Dimensions = append(datum.Dimensions, metric.Dimension{Name: name, Value: text})
	}
	return datum, true
}

func (c *counting) pattern(text string) (*pattern.Pattern, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.patterns[text]; known != nil {
		return known, nil
	}
	parsed, err := parsePattern(text)
	if err != nil {
		return nil, err
	}
	if c.patterns == nil || len(c.patterns) >= maxPatterns {
		c.patterns = map[string]*pattern.Pattern{}
	}
	c.patterns[text] = parsed
	return parsed, nil
}

// first notes that a filter tells something of a minute, and whether it is the first time.
func (c *counting) first(id string, timestamp int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told == nil || len(c.told) >= maxPatterns {
		c.told = map[string]int64{}
	}
	minute := timestamp / time.Minute.Milliseconds()
	if c.told[id] == minute {
		return false
	}
	c.told[id] = minute
	return true
}
