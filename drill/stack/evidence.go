package stack

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/drill/target"
)

// mostPages bounds what is kept of one log group: an evidence folder is read by people. A page has 10,000 events or 1 MB at most:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
const mostPages = 8

// Evidence puts into a drill's folder what shows why it ended as it did: every log group's events since it began, the consoles of the servers
// that are there and of those that were victims, the environment's state, and in a lab the lab's own log and timeline. It keeps all that it can get, and its error tells what it could not.
// Nothing of it is a secret: what is kept is logs and states, never outputs, settings or parameters.
func Evidence(ctx context.Context, o Options, e *target.Environment, folder string, since time.Time, victims []string) error {
	var errs []error
	keep := func(name string, write func(io.Writer) error) {
		if err := keepFile(filepath.Join(folder, name), write); err != nil {
			errs = append(errs, fmt.Errorf("keeping %s: %w", name, err))
		}
	}
	for role, group := range e.Outputs.LogGroups {
		keep("log-"+role+".txt", func(w io.Writer) error { return logEvents(ctx, e, w, group, since) })
	}
	keep("status.json", func(w io.Writer) error { return status(ctx, commands{o.Root}, o.Stack, w) })
	consoles, err := consoles(ctx, e, victims)
	errs = append(errs, err)
	for id, text := range consoles {
		keep("console-"+id+".txt", func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	if e.Lab() {
		folder := filepath.Join(o.Root, ".haven", "lab")
		keep("lab.log", func(w io.Writer) error { return linesSince(w, filepath.Join(folder, "lab.log"), "time=", since) })
		keep("timeline.jsonl", func(w io.Writer) error {
			return linesSince(w, filepath.Join(folder, "timeline.jsonl"), `"time":"`, since)
		})
	}
	return errors.Join(errs...)
}

func keepFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// logEvents writes a line for each event of a log group.
func logEvents(ctx context.Context, e *target.Environment, w io.Writer, group string, since time.Time) error {
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(e.Config), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli()),
	})
	for number := 0; pages.HasMorePages(); number++ {
		if number == mostPages {
			_, err := fmt.Fprintf(w, "(more than %d pages: the rest is in log group %s)\n", mostPages, group)
			return err
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			at := time.UnixMilli(aws.ToInt64(event.Timestamp)).UTC().Format("15:04:05.000")
			if _, err := fmt.Fprintf(w, "%s %s %s\n", at, aws.ToString(event.LogStreamName), strings.TrimSpace(aws.ToString(event.Message))); err != nil {
				return err
			}
		}
	}
	return nil
}

// status writes what haven status tells. Its exit code says that the environment is not well, and so does what it prints.
func status(ctx context.Context, c commands, stack string, w io.Writer) error {
	raw, err := c.haven(ctx, "status", "--stack", stack, "--output", "json")
	if len(raw) == 0 {
		return err
	}
	_, err = w.Write(raw)
	return err
}

// instance matches an EC2 instance's id in a victim's text.
var instance = regexp.MustCompile(`\bi-[0-9a-f]{8,17}\b`)

// consoles returns what servers wrote to their consoles, by their ids: the group's and the victims. AWS keeps that of a terminated one for an hour:
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
func consoles(ctx context.Context, e *target.Environment, victims []string) (map[string]string, error) {
	group, err := e.Group(ctx)
	errs := []error{err}
	ids := instance.FindAllString(strings.Join(victims, " "), -1)
	for _, server := range group.Instances {
		ids = append(ids, *server.InstanceId)
	}
	texts := map[string]string{}
	for _, id := range ids {
		out, err := ec2.NewFromConfig(e.Config).GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id})
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the console of %s: %w", id, err))
			continue
		}
		text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
		errs = append(errs, err)
		texts[id] = string(text)
	}
	return texts, errors.Join(errs...)
}

// linesSince copies a log from the first line on whose time, which follows a marker as RFC 3339, is not before a moment.
func linesSince(w io.Writer, path, marker string, since time.Time) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	for begun := false; ; {
		line, err := lines.ReadString('\n')
		if at, ok := timeOf(line, marker); ok && !at.Before(since) {
			begun = true
		}
		if begun {
			if _, err := io.WriteString(w, line); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func timeOf(line, marker string) (time.Time, bool) {
	_, rest, found := strings.Cut(line, marker)
	if !found {
		return time.Time{}, false
	}
	if end := strings.IndexAny(rest, "\" \n"); end >= 0 {
		rest = rest[:end]
	}
	at, err := time.Parse(time.RFC3339Nano, rest)
	return at, err == nil
}
