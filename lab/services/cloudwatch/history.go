package cloudwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/lab/cloud"
)

// event is an entry of an alarm's history.
type event struct {
	ID      string
	Alarm   string
	Type    types.AlarmType
	Item    types.HistoryItemType
	Summary string
	Data    string // JSON
	At      time.Time
}

// Gone reports true: an entry is a record of the past.
func (e *event) Gone() bool { return true }

var history = cloud.NewTable[event]("cloudwatch.history")

const (
	historyKept = 30 * day
	// historyItems is how many entries of one alarm are kept.
	historyItems = 100
)

// timeFormat is how CloudWatch writes times into JSON.
const timeFormat = "2006-01-02T15:04:05.000-0700"

func historyPrefix(name string) string { return name + "\x01" }

// note adds an entry to an alarm's history and drops those that are too many or too old.
func (s *Service) note(tx *cloud.Tx, of *alarm, e event, at time.Time) error {
	e.Alarm, e.Type, e.At = of.common().name, of.kind(), at
	e.ID = cloud.RandomHex(8)
	id := fmt.Sprintf("%s%020d-%s", historyPrefix(e.Alarm), at.UnixNano(), e.ID)
	if err := history.Put(tx, of.Region, id, &e); err != nil {
		return err
	}
	ids, err := history.IDs(tx, of.Region, historyPrefix(e.Alarm))
	if err != nil {
		return err
	}
	oldest := fmt.Sprintf("%s%020d", historyPrefix(e.Alarm), at.Add(-historyKept).UnixNano())
	for i, id := range ids {
		if i < len(ids)-historyItems || id < oldest {
			if err := history.Delete(tx, of.Region, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func configured(of *alarm, what string) event {
	data := map[string]any{"version": "1.0", "type": strings.ToUpper(what[:1]) + what[1:]}
	if of.Metric != nil {
		data["updatedAlarm"] = of.Metric
	} else {
		data["updatedAlarm"] = of.Composite
	}
	return event{Item: types.HistoryItemTypeConfigurationUpdate, Summary: fmt.Sprintf("Alarm %q %s", of.common().name, what), Data: toJSON(data)}
}

// transitioned is the entry for a state that changed.
func transitioned(before, after common) event {
	state := func(c common) map[string]any {
		described := map[string]any{"stateValue": c.state, "stateReason": aws.ToString(c.reason)}
		if c.reasonData != nil {
			described["stateReasonData"] = json.RawMessage(*c.reasonData)
		}
		return described
	}
	return event{
		Item: types.HistoryItemTypeStateUpdate, Summary: fmt.Sprintf("Alarm updated from %s to %s", before.state, after.state),
		Data: toJSON(map[string]any{"version": "1.0", "oldState": state(before), "newState": state(after)}),
	}
}

func toJSON(value any) string {
	raw, err := json.Marshal(value)
	if err != nil { // what is written is made of texts, numbers and checked JSON
		return fmt.Sprintf("{%q:%q}", "error", err)
	}
	return string(raw)
}

// DescribeAlarmHistory lists what happened to alarms, the newest first. It remembers deleted ones.
func (s *Service) DescribeAlarmHistory(ctx context.Context, in *cloudwatch.DescribeAlarmHistoryInput) (*cloudwatch.DescribeAlarmHistoryOutput, error) {
	var all []*event
	err := s.store.View(func(tx *cloud.Tx) (err error) {
		prefix := ""
		if in.AlarmName != nil {
			prefix = historyPrefix(*in.AlarmName)
		}
		all, err = history.ListPrefix(tx, cloud.RegionOf(ctx), prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	wanted := in.AlarmTypes
	if len(wanted) == 0 {
		wanted = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e *event) bool {
		return !slices.Contains(wanted, e.Type) || in.HistoryItemType != "" && e.Item != in.HistoryItemType ||
			in.StartDate != nil && e.At.Before(*in.StartDate) || in.EndDate != nil && e.At.After(*in.EndDate)
	})
	key := func(e *event) string { return fmt.Sprintf("%020d%s", math.MaxInt64-e.At.UnixNano(), e.ID) }
	if in.ScanBy == types.ScanByTimestampAscending {
		key = func(e *event) string { return fmt.Sprintf("%020d%s", e.At.UnixNano(), e.ID) }
	}
	slices.SortFunc(all, func(a, b *event) int { return strings.Compare(key(a), key(b)) })
	rows, next, err := page(all, key, in.NextToken, limit(in.MaxRecords, 100))
	out := &cloudwatch.DescribeAlarmHistoryOutput{AlarmHistoryItems: []types.AlarmHistoryItem{}, NextToken: next}
	for _, e := range rows {
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, types.AlarmHistoryItem{
			AlarmName: &e.Alarm, AlarmType: e.Type, HistoryItemType: e.Item, HistorySummary: &e.Summary, HistoryData: &e.Data, Timestamp: &e.At,
		})
	}
	return out, err
}

func limit(given *int32, usual int) int {
	if given == nil {
		return usual
	}
	return int(*given)
}
