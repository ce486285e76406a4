package fis

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"haven/lab/cloud"
)

// record is a line of an experiment's log (https://docs.aws.amazon.com/fis/latest/userguide/monitoring-logging.html).
type record struct {
	ID      string         `json:"id"`
	Type    string         `json:"log_type"`
	Time    string         `json:"event_timestamp"`
	Version string         `json:"version"`
	Details map[string]any `json:"details"`
}

// mostRecords bounds what is kept of one experiment.
const mostRecords = 1000

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// add adds a line, where the experiment logs at all.
func (e *experimentRow) add(s *Service, kind string, details map[string]any) {
	if e.Experiment.LogConfiguration == nil || len(e.Records) >= mostRecords {
		return
	}
	details["account_id"] = cloud.Account
	line, err := json.Marshal(record{
		ID: e.id(), Type: kind, Time: stamp(s.time()), Version: strconv.Itoa(int(aws.ToInt32(e.Experiment.LogConfiguration.LogSchemaVersion))), Details: details,
	})
	if err == nil { // they are plain texts and maps of them
		e.Records = append(e.Records, string(line))
	}
}

func (e *experimentRow) recordStart(s *Service) {
	e.add(s, "experiment-start", map[string]any{"experiment_template_id": e.Experiment.ExperimentTemplateId, "experiment_start_time": stamp(e.Experiment.StartTime)})
	for _, name := range slices.Sorted(maps.Keys(e.Targets)) {
		began := stamp(s.time())
		e.add(s, "target-resolution-start", map[string]any{"target_resolution_start_time": began, "target_name": name})
		resolved := []map[string]string{}
		for _, t := range e.Targets[name] {
			resolved = append(resolved, map[string]string{"arn": t.ARN})
		}
		e.add(s, "target-resolution-detail", map[string]any{
			"target_resolution_start_time": began, "target_name": name, "target_type": e.Experiment.Targets[name].ResourceType,
			"page": 1, "total_pages": 1, "resolved_targets_count": len(resolved), "resolved_targets": resolved,
		})
		e.add(s, "target-resolution-end", map[string]any{"target_resolution_start_time": began, "target_resolution_end_time": stamp(s.time()), "target_name": name, "status": "completed"})
	}
}

func (e *experimentRow) recordAction(s *Service, kind, name string) {
	a := e.Experiment.Actions[name]
	targets := map[string]string{}
	for key, wanted := range a.Targets {
		var arns []string
		for _, t := range e.Targets[wanted] {
			arns = append(arns, t.ARN)
		}
		targets[key] = strings.Join(arns, ",")
	}
	details := map[string]any{
		"action_name": name, "action_id": a.ActionId, "action_start_time": stamp(a.StartTime), "action_targets": targets, "parameters": a.Parameters,
		"action_state": map[string]string{"status": string(a.State.Status), "reason": aws.ToString(a.State.Reason)},
	}
	if kind != "action-start" {
		details["action_end_time"] = stamp(a.EndTime)
	}
	if kind == "action-error" {
		details["error_information"] = aws.ToString(a.State.Reason)
	}
	e.add(s, kind, details)
}

func (e *experimentRow) recordEnd(s *Service) {
	e.add(s, "experiment-end", map[string]any{
		"experiment_end_time": stamp(e.Experiment.EndTime),
		"experiment_state":    map[string]string{"status": string(e.Experiment.State.Status), "reason": aws.ToString(e.Experiment.State.Reason)},
	})
}

// logGroup returns the name in the ARN of a log group.
func logGroup(arn *string) (string, bool) {
	parts := strings.SplitN(aws.ToString(arn), ":", 7)
	if len(parts) != 7 || parts[2] != "logs" || parts[5] != "log-group" {
		return "", false
	}
	name := strings.TrimSuffix(parts[6], ":*")
	return name, name != ""
}

// deliver brings new lines to the log group, and all of them to the bucket once the experiment is over. A destination
// that is not there is told to the lab's log: an experiment does not fail for it.
func (x *executor) deliver(ctx context.Context) error {
	config := x.row.Experiment.LogConfiguration
	fresh := x.row.Records[x.row.Recorded:]
	if config == nil || len(fresh) == 0 {
		return nil
	}
	if group := config.CloudWatchLogsConfiguration; group != nil {
		name, _ := logGroup(group.LogGroupArn)
		if err := x.service.deps.Logs.Put(ctx, x.region, name, "/aws/fis/experiment/"+x.id, fresh); err != nil {
			x.service.deps.Log.Warn("an experiment's log can't be delivered", "experiment", x.id, "error", err)
		}
	}
	if bucket := config.S3Configuration; bucket != nil && x.row.over() {
		key := fmt.Sprintf("%sAWSLogs/%s/fis/%s/%s.log", prefixOf(bucket.Prefix), cloud.Account, x.region, x.id)
		if err := x.service.deps.Buckets.PutLog(ctx, x.region, aws.ToString(bucket.BucketName), key, []byte(strings.Join(x.row.Records, "\n")+"\n")); err != nil {
			x.service.deps.Log.Warn("an experiment's log can't be delivered", "experiment", x.id, "error", err)
		}
	}
	delivered := x.row.Recorded + len(fresh)
	return x.service.store.Update(func(tx *cloud.Tx) error {
		row, err := findExperiment(tx, x.region, &x.id)
		if err != nil {
			return err
		}
		row.Recorded = delivered
		return experiments.Put(tx, x.region, x.id, row)
	})
}

func prefixOf(prefix *string) string {
	if text := strings.Trim(aws.ToString(prefix), "/"); text != "" {
		return text + "/"
	}
	return ""
}
