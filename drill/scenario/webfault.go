package scenario

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"haven/drill/fault"
	"haven/drill/target"
)

// The scripts that break a server, and those that put it right again. The application's process is named as the file that the
// user data installs.
const (
	application = "haven-app"
	showProcess = "pgrep -x " + application + " || true"
	kill        = "old=$(pgrep -x " + application + ") && kill -KILL $old && echo $old"
	suspend     = "pkill -STOP -x " + application
	resume      = "pkill -CONT -x " + application + " || true"

	ballast = "/var/tmp/haven-drill-ballast"
	// All but 4 MiB are taken: Systems Manager's agent writes each command that it is given to the disk, also the one that undoes this.
	fillDisk  = "fallocate -l $(($(df --block-size=1 --output=avail / | tail -1) - 4194304)) " + ballast
	emptyDisk = "rm -f " + ballast
	// What is left, in bytes, to somebody who is not root.
	showSpace = "df --block-size=1 --output=avail / | tail -1"
	fullBelow = 8 << 20
)

// killed kills the application on a server. The process that was there before is what the environment has to be seen without.
func killed(s Stage) fault.Fault {
	var before string
	return &call{
		choose: s.server,
		inject: func(ctx context.Context, id string) (err error) {
			before, err = s.Command(ctx, id, kill)
			return err
		},
		active: func(ctx context.Context, id string) error {
			return s.process(ctx, id, "the application's process "+before+" to be gone", func(now string) bool { return now != before })
		},
		recovered: func(ctx context.Context, id string) error {
			err := s.process(ctx, id, "the application to be started again", func(now string) bool { return now != "" && now != before })
			if err != nil {
				return err
			}
			// An interval later, so that the next kill is not the second failed check in a row.
			return s.answers(ctx, id, s.Declared.Health.Interval)
		},
	}
}

// process waits until the application's process on a server (its id, empty: there is none) is as wanted.
func (s Stage) process(ctx context.Context, server, what string, wanted func(string) bool) error {
	return target.Await(ctx, what, 30*time.Second, func(ctx context.Context) error {
		now, err := s.Command(ctx, server, showProcess)
		if err == nil && !wanted(now) {
			err = fmt.Errorf("on %s it is %q", server, now)
		}
		return err
	})
}

func hung(s Stage) fault.Fault {
	return &scripted{stage: s, what: "its application hangs", inject: suspend, undo: resume, active: func(ctx context.Context, id string) error {
		return s.outOfService(ctx, id)
	}}
}

func diskFull(s Stage) fault.Fault {
	return &scripted{stage: s, what: "its disk is full", inject: fillDisk, undo: emptyDisk, active: func(ctx context.Context, id string) error {
		return target.Await(ctx, "the disk to be full", 30*time.Second, func(ctx context.Context) error {
			left, err := s.Command(ctx, id, showSpace)
			if err != nil {
				return err
			}
			if bytes, err := strconv.Atoi(left); err != nil || bytes >= fullBelow {
				return fmt.Errorf("%q bytes are left", left)
			}
			return nil
		})
	}}
}

func terminated(s Stage) fault.Fault { return s.terminates(s.server) }

func zoneTerminated(s Stage) fault.Fault { return s.terminates(s.serversOfZone) }

// terminates ends servers, whose ids choose returns with spaces between them.
func (s Stage) terminates(choose func(context.Context) (string, error)) fault.Fault {
	return &call{
		choose: choose,
		inject: func(ctx context.Context, ids string) error {
			_, err := ec2.NewFromConfig(s.Config).TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: strings.Fields(ids)})
			return err
		},
		active: func(ctx context.Context, ids string) error { return s.outOfService(ctx, strings.Fields(ids)...) },
	}
}
