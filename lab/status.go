package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"haven/lab/cloud"
	"haven/lab/control"
	"haven/lab/page"
	"haven/lab/timeline"
)

// Status tells what the lab is and holds.
func (l *lab) Status(context.Context) (control.Status, error) {
	status := control.Status{PID: pid(), Endpoint: l.endpoint(), Page: l.endpoint() + page.Root, Started: l.started, Realm: RealmRunning, Nodes: l.forwards.list()}
	if l.grounded != nil {
		status.Realm = l.grounded.Error()
	} else if entries, err := os.ReadDir("/run/netns"); err == nil {
		status.Namespaces = len(entries)
	}
	status.Copies = l.copies()
	for _, region := range cloud.Regions() {
		status.Regions = append(status.Regions, region.Name)
	}
	err := l.store.View(func(tx *cloud.Tx) (err error) {
		status.Resources, err = cloud.Inventory(tx)
		return err
	})
	return status, err
}

// copies are each zone's copy of each file system, in a fixed order.
func (l *lab) copies() []control.Copy {
	all := []control.Copy{}
	if l.realm == nil {
		return all
	}
	for _, system := range l.realm.mirrors.Observe() {
		for zone, state := range system.Devices {
			all = append(all, control.Copy{FileSystem: system.ID, Zone: zone, State: string(state)})
		}
	}
	slices.SortFunc(all, func(a, b control.Copy) int {
		return cmp.Or(cmp.Compare(a.FileSystem, b.FileSystem), cmp.Compare(a.Zone, b.Zone))
	})
	return all
}

// sightEvents is how many events a sight has.
const sightEvents = 20

// Sight looks at a region now, closely, and tells what happened there last.
func (l *lab) Sight(ctx context.Context, region string) (control.Sight, error) {
	if _, ok := cloud.FindRegion(region); !ok {
		return control.Sight{}, fmt.Errorf("looking at the region %q: the lab has none of that name", region)
	}
	picture, err := l.viewer.look(ctx, region, true)
	events := slices.DeleteFunc(l.timeline.Newest(10*sightEvents), func(e timeline.Event) bool { return e.Region != "" && e.Region != region })
	return control.Sight{Picture: picture, Events: events[max(0, len(events)-sightEvents):]}, err
}

// Exec runs a command on an instance as its console would.
func (l *lab) Exec(ctx context.Context, request control.ExecRequest) (control.ExecResult, error) {
	if l.realm == nil {
		return control.ExecResult{}, fmt.Errorf("running a command on %s: nothing runs in this lab: %w", request.Instance, l.grounded)
	}
	if len(request.Command) == 0 {
		return control.ExecResult{}, errors.New("running a command: none is given")
	}
	stdout, stderr, exit, err := l.realm.machines.Exec(ctx, request.Instance, request.Command, request.Stdin)
	return control.ExecResult{Stdout: stdout, Stderr: stderr, Exit: exit}, err
}

// Stop begins an orderly end.
func (l *lab) Stop() { l.stop() }
