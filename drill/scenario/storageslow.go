package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"haven/drill/check"
	"haven/drill/fault"
	"haven/drill/history"
	"haven/drill/target"
)

const (
	slowHold = 20 * time.Second
	// slowRate is what each mount target has left: the check of readiness, some dozen small messages, takes longer than it may, and
	// less than its grace.
	slowRate = "12kbit"
	// showStorage asks a server whether it is ready without any grace, and why not.
	showStorage = "curl -s --max-time 5 'http://localhost:8080/ready?strict=true'"
)

// slowStorage slows every mount target down. AWS has no call for that: throughput modes are limits, not delays.
type slowStorage struct {
	stage Stage
	together
}

func storageSlowed(s Stage) fault.Fault {
	var all together
	for _, zone := range s.Outputs.Network.Zones {
		subnet := zone.Subnets["mirror"]
		slow := breaks("slow", map[string]string{"rate": slowRate}, slowHold, func(context.Context, Stage) (string, error) { return subnet, nil })
		all = append(all, slow(s))
	}
	return &slowStorage{s, all}
}

// Setup notes which servers there are: all of them have to stay.
func (f *slowStorage) Setup(ctx context.Context) (string, error) {
	ids, err := f.stage.serverIDs(ctx)
	if err != nil {
		return "", err
	}
	f.stage.Mark(oldServers, strings.Join(ids, " "))
	return f.together.Setup(ctx)
}

// WaitActive waits until every server has found its files slow: without that the drill would prove nothing.
func (f *slowStorage) WaitActive(ctx context.Context) error {
	ids, err := f.stage.serverIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := target.Await(ctx, "files to be too slow for "+id, time.Minute, func(ctx context.Context) error {
			report, err := f.stage.Command(ctx, id, showStorage)
			if err == nil && !strings.Contains(report, "the shared folder has not answered") {
				err = fmt.Errorf("it reports %s", report)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s Stage) serverIDs(ctx context.Context) (ids []string, err error) {
	group, err := s.Group(ctx)
	for _, i := range group.Instances {
		ids = append(ids, *i.InstanceId)
	}
	return ids, err
}

// allServersStay says that each server that was there before served while files were slow, that none was replaced, and none added.
func allServersStay(ctx context.Context, s Stage, h history.History) ([]check.Finding, error) {
	now, err := s.serverIDs(ctx)
	return stayed(h, now), err
}

func stayed(h history.History, now []string) (found []check.Finding) {
	at, _ := h.At(history.Active)
	for _, mark := range h.Marks {
		if mark.Name != oldServers {
			continue
		}
		before := strings.Fields(mark.Text)
		for _, id := range before {
			if !slices.Contains(now, id) {
				found = append(found, check.Finding{Promise: check.ErrReplaced, At: mark.At, Text: id + " is gone"})
			}
			found = append(found, check.Serving(h, id, at, next(h, history.Healing, at))...)
		}
		for _, id := range now {
			if !slices.Contains(before, id) {
				found = append(found, check.Finding{Promise: check.ErrReplaced, At: mark.At, Text: id + " was launched"})
			}
		}
	}
	return found
}
