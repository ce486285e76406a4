package scenario

import (
	"context"
	"fmt"
	"strings"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"haven/drill/fault"
)

// The scripts that stop the application on a server, and start it again. It is killed, or it would take requests for as long as the
// balancer may send it some.
const (
	stop  = "systemctl stop --no-block " + application + "; systemctl kill -s KILL " + application
	start = "systemctl start " + application
)

// outage stops the application on every server at once, while the group looks away: it would replace them all, for minutes.
type outage struct {
	stage   Stage
	path    string // of the health check
	servers []string
}

func allStopped(s Stage) fault.Fault { return &outage{stage: s} }

func (f *outage) Setup(ctx context.Context) (_ string, err error) {
	if f.path, err = f.stage.healthPath(ctx); err != nil {
		return "", err
	}
	group, err := f.stage.Group(ctx)
	if err != nil {
		return "", err
	}
	f.servers = nil
	for _, i := range group.Instances {
		f.servers = append(f.servers, *i.InstanceId)
	}
	return "the application on " + strings.Join(f.servers, ", "), nil
}

// Inject remembers the group first: what was remembered last is put back first, and whoever has the group look again waits for health.
func (f *outage) Inject(ctx context.Context) error {
	if err := f.stage.lookAway(ctx, f.path); err != nil {
		return err
	}
	for _, id := range f.servers {
		if err := f.stage.Undo.Remember(f.key(id), Undoing{Kind: UndoScript, Target: id, Parameters: map[string]string{Script: start}}); err != nil {
			return err
		}
		if _, err := f.stage.Command(ctx, id, stop); err != nil {
			return fmt.Errorf("stopping the application on %s: %w", id, err)
		}
	}
	return nil
}

func (f *outage) WaitActive(ctx context.Context) error { return f.stage.allUnhealthy(ctx) }

func (f *outage) Recover(ctx context.Context) error {
	for _, id := range f.servers {
		if err := f.stage.CommandUnlessGone(ctx, id, start); err != nil {
			return fmt.Errorf("starting the application on %s: %w", id, err)
		}
		if err := f.stage.Undo.Done(f.key(id)); err != nil {
			return err
		}
	}
	return f.stage.lookAgain(ctx, f.path)
}

// WaitRecovered waits for the alarm while there are requests: without any the last minute that had some is all that it knows.
func (f *outage) WaitRecovered(ctx context.Context) error {
	if err := f.stage.awaitAlarm(ctx, errorsAlarm, cwtypes.StateValueAlarm); err != nil {
		return err
	}
	return f.stage.awaitAlarm(ctx, errorsAlarm, cwtypes.StateValueOk)
}

// Cleanup leaves what is remembered to those who undo everything after a fault.
func (f *outage) Cleanup(context.Context) error { return nil }

func (f *outage) key(server string) string { return "outage/" + server }
