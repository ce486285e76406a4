package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/target"
)

// logLimit is how soon a dropped packet has to be in the log. AWS states no time for CloudWatch Logs as a destination: this is the
// project's own objective for who watches the log.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/logging-cw-logs.html
const logLimit = 2 * time.Minute

// clockSkew is how far the log's clock may be behind the drill's.
const clockSkew = 2 * time.Second

// forbidden is traffic that has to be dropped, and logged.
type forbidden struct {
	stage   Stage
	choose  func(ctx context.Context) (text string, err error)
	attempt func(ctx context.Context) (passed bool, err error)
	logged  func(alert) bool // whether a line of the log is about the attempt

	text  string
	begun time.Time
}

var _ fault.Fault = (*forbidden)(nil)

// alert is a line of the firewall's alert log.
// https://docs.aws.amazon.com/network-firewall/latest/developerguide/firewall-logging.html
type alert struct {
	Zone  string `json:"availability_zone"`
	Event struct {
		Destination     string `json:"dest_ip"`
		DestinationPort int    `json:"dest_port"`
		Alert           struct {
			Action    string `json:"action"`
			Signature string `json:"signature"`
		} `json:"alert"`
	} `json:"event"`
}

func (f *forbidden) Setup(ctx context.Context) (string, error) {
	var err error
	f.text, err = f.choose(ctx)
	return f.text, err
}

func (f *forbidden) Inject(ctx context.Context) error {
	f.begun = time.Now()
	passed, err := f.attempt(ctx)
	if err != nil {
		return err
	}
	if passed {
		return check.Finding{Promise: check.ErrForbidden, Text: f.text + " was answered"}
	}
	return nil
}

// WaitActive waits for the line in the log. Without it in its time a promise is broken.
func (f *forbidden) WaitActive(ctx context.Context) error {
	err := target.Await(ctx, "the firewall's log to tell of "+f.text, logLimit, f.look)
	if err != nil && ctx.Err() == nil {
		return check.Finding{Promise: check.ErrNotLogged, Text: err.Error()}
	}
	return err
}

func (f *forbidden) look(ctx context.Context) error {
	group := f.stage.Outputs.LogGroups["firewallAlert"]
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(f.stage.Config), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(f.begun.Add(-clockSkew).UnixMilli()),
	})
	seen := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			seen++
			var line alert
			if err := json.Unmarshal([]byte(aws.ToString(event.Message)), &line); err != nil {
				return fmt.Errorf("a line of %s is no alert: %w", group, err)
			}
			if f.logged(line) && line.Event.Alert.Action == "blocked" {
				f.stage.Mark("logged", line.Event.Alert.Signature)
				return nil
			}
		}
	}
	return fmt.Errorf("none of %d lines since %s in %s is about it", seen, f.begun.UTC().Format(time.TimeOnly), group)
}

func (f *forbidden) Recover(context.Context) error       { return nil }
func (f *forbidden) WaitRecovered(context.Context) error { return nil }
func (f *forbidden) Cleanup(context.Context) error       { return nil }
