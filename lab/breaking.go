package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"haven/lab/cloud"
	"haven/lab/faults"
	"haven/lab/realm/host"
	"haven/lab/realm/mirror"
	"haven/lab/services/fis"
)

// newFaults joins faults to what they break.
func newFaults(l *lab, s *services) *faults.Service {
	b := &breaker{lab: l, services: s}
	realm := faults.Realm{Inventory: b.inventory}
	if l.realm != nil {
		realm.Links, realm.Hooks = l.realm.network.Impairments, b.hooks()
	}
	return faults.New(l.store, realm, l.log, func(h faults.Happening) { l.timeline.Add(faultEvent(h)) })
}

// newExperiments joins experiments to what they act on.
func newExperiments(l *lab, s *services) *fis.Service {
	dependencies := fis.Dependencies{
		Instances: s.ec2, Databases: s.databases, Alarms: s.metrics, Roles: s.iam, Logs: s.logs, Buckets: s.objects, Log: l.log, Tell: l.timeline.Add,
	}
	if commands, ok := any(s.parameters).(fis.Commands); ok {
		dependencies.Commands = commands
	}
	return fis.New(l.store, dependencies)
}

// breaker knows for each lever of faults who moves it, and how to see that it holds.
type breaker struct {
	lab      *lab
	services *services
}

func (b *breaker) hooks() map[faults.Lever]faults.Hook {
	return map[faults.Lever]faults.Hook{
		faults.LeverInstances: {
			Move: func(_ context.Context, e faults.Effect) error {
				b.services.ec2.SetZonePower(e.Region, e.Subject, len(e.Values) == 0)
				return nil
			},
			Holds: b.silent(func(s faults.Subject) bool { return s.Instance }),
		},
		faults.LeverDatabases: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.databases.SetZoneDown(e.Subject, len(e.Values) > 0)
			},
			Holds: b.silent(func(s faults.Subject) bool { return s.Member }),
		},
		faults.LeverDisks: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.files.SetDisksLost(e.Subject, len(e.Values) > 0)
			},
			Holds: b.lost,
		},
		faults.LeverHang: {Move: b.hang, Holds: b.hangs, Again: true},
		faults.LeverHost: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.databases.SetHostDown(e.Region, e.Subject, len(e.Values) > 0)
			},
			Holds: b.dead,
		},
		faults.LeverStorage: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.databases.SetStorageFull(e.Region, e.Subject, len(e.Values) > 0)
			},
			Holds: func(_ context.Context, e faults.Effect) (bool, string, error) {
				return b.services.databases.StorageFull(e.Region, e.Subject)
			},
		},
		faults.LeverReplay: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.databases.SetReplayPaused(e.Region, e.Subject, len(e.Values) > 0)
			},
			Holds: func(_ context.Context, e faults.Effect) (bool, string, error) {
				return b.services.databases.ReplayPaused(e.Region, e.Subject)
			},
		},
		faults.LeverFencing: {
			Move: func(_ context.Context, e faults.Effect) error {
				return b.services.databases.SetUnfenced(e.Region, e.Subject, len(e.Values) > 0)
			},
			Holds: func(_ context.Context, e faults.Effect) (bool, string, error) {
				return b.services.databases.Unfenced(e.Region, e.Subject)
			},
		},
		faults.LeverMember: {Move: b.hangMember, Holds: b.memberHangs, Again: true},
		faults.LeverBalancers: {
			Move: func(_ context.Context, e faults.Effect) error {
				b.services.balancers.SetZoneDown(e.Region, e.Subject, len(e.Values) > 0)
				return nil
			},
			Holds: b.silent(func(s faults.Subject) bool { return s.Node }),
		},
		faults.LeverNode: {
			Move: func(_ context.Context, e faults.Effect) error {
				balancer, zone, _ := strings.Cut(e.Subject, "/")
				b.services.balancers.Suspend(e.Region, balancer, zone, len(e.Values) > 0)
				return nil
			},
			Holds: b.hangs,
		},
	}
}

// inventory is all that the services have that can be broken.
func (b *breaker) inventory(tx *cloud.Tx) (there faults.Inventory, err error) {
	if there.Places, err = b.services.ec2.Places(tx); err != nil {
		return there, err
	}
	running, err := b.services.ec2.Running(tx)
	if err != nil {
		return there, err
	}
	for _, machine := range running {
		there.Subjects = append(there.Subjects, faults.Subject{
			Region: machine.Region, Zone: machine.Zone, Name: machine.ID, Interface: machine.Interface, Instance: true,
		})
	}
	members, err := b.services.databases.Members(tx)
	if err != nil {
		return there, err
	}
	for _, member := range members {
		there.Subjects = append(there.Subjects, faults.Subject{
			Region: member.Region, Zone: member.Zone, Name: member.Name, Interface: member.Interface, Member: true,
		})
	}
	nodes, err := b.services.balancers.Nodes(tx)
	for _, node := range nodes {
		there.Subjects = append(there.Subjects, faults.Subject{
			Region: node.Region, Zone: node.Zone, Name: node.Balancer + "/" + node.Zone, Interface: node.Interface, Node: true,
		})
	}
	return there, err
}

// subject finds what an effect is on; what is gone has no namespace either.
func (b *breaker) subject(e faults.Effect) (*host.Namespace, bool, error) {
	var there faults.Inventory
	err := b.lab.store.View(func(tx *cloud.Tx) (err error) {
		there, err = b.inventory(tx)
		return err
	})
	i := slices.IndexFunc(there.Subjects, func(s faults.Subject) bool { return s.Region == e.Region && s.Name == e.Subject })
	if err != nil || i < 0 {
		return nil, false, err
	}
	ns, ok := b.lab.realm.network.Namespace(there.Subjects[i].Interface)
	return ns, ok, nil
}

// hang stops processes: whatever stands behind an interface runs in the interface's own network namespace.
func (b *breaker) hang(_ context.Context, e faults.Effect) error {
	ns, ok, err := b.subject(e)
	if err != nil || !ok {
		return err
	}
	return ns.Hang(e.Values...)
}

// hangMember has a database's server hang as its host would: what is started in its place hangs, too. A part of it by its
// name is stopped once and for all, as that of an instance.
func (b *breaker) hangMember(ctx context.Context, e faults.Effect) error {
	whole := slices.Contains(e.Values, faults.Whole)
	if err := b.services.databases.Suspend(e.Region, e.Subject, whole); err != nil || whole {
		return err
	}
	return b.hang(ctx, e)
}

// memberHangs tells that nothing of a member goes on: a server that was found hanging has been killed.
func (b *breaker) memberHangs(_ context.Context, e faults.Effect) (bool, string, error) {
	ns, ok, err := b.subject(e)
	if err != nil || !ok {
		return false, "it does not run", err
	}
	stopped, of, err := ns.Hanging(e.Values...)
	if whole := slices.Contains(e.Values, faults.Whole); whole && of == 0 {
		return true, "it was killed and waits for its host", err
	}
	return of > 0 && stopped == of, fmt.Sprintf("%d of %d processes are stopped", stopped, of), err
}

// dead tells that no process of a member runs any more.
func (b *breaker) dead(_ context.Context, e faults.Effect) (bool, string, error) {
	ns, ok, err := b.subject(e)
	if err != nil || !ok {
		return err == nil, "it does not run", err
	}
	_, running, err := ns.Hanging(host.Everyone)
	return running == 0, fmt.Sprintf("%d of its processes run", running), err
}

func (b *breaker) hangs(_ context.Context, e faults.Effect) (bool, string, error) {
	ns, ok, err := b.subject(e)
	if err != nil || !ok {
		return false, "it does not run", err
	}
	stopped, of, err := ns.Hanging(e.Values...)
	return of > 0 && stopped == of, fmt.Sprintf("%d of %d processes are stopped", stopped, of), err
}

// silent tells that no process runs any more behind the interfaces of a zone's subjects of a kind.
func (b *breaker) silent(kind func(faults.Subject) bool) func(context.Context, faults.Effect) (bool, string, error) {
	return func(_ context.Context, e faults.Effect) (bool, string, error) {
		var there faults.Inventory
		err := b.lab.store.View(func(tx *cloud.Tx) (err error) {
			there, err = b.inventory(tx)
			return err
		})
		if err != nil {
			return false, "", err
		}
		for _, subject := range there.Subjects {
			ns, ok := b.lab.realm.network.Namespace(subject.Interface)
			if !ok || subject.Zone != e.Subject || !kind(subject) {
				continue
			}
			if _, running, err := ns.Hanging(host.Everyone); err != nil || running > 0 {
				return false, fmt.Sprintf("%d processes of %s still run", running, subject.Name), err
			}
		}
		return true, "nothing of them runs", nil
	}
}

// lost tells that no file system has a good copy in the zone.
func (b *breaker) lost(_ context.Context, e faults.Effect) (bool, string, error) {
	for _, system := range b.lab.realm.mirrors.Observe() {
		if state, ok := system.Devices[e.Subject]; ok && state != mirror.DeviceLost {
			return false, fmt.Sprintf("the copy of %s is %s", system.ID, state), nil
		}
	}
	return true, "no file system has a copy there", nil
}

// Faults returns the faults in force and what was observed of them.
func (l *lab) Faults(ctx context.Context) ([]faults.Status, error) {
	return l.services.faults.Status(ctx)
}

// Break sets a fault.
func (l *lab) Break(_ context.Context, request faults.Request) (faults.Fault, error) {
	return l.services.faults.Add(request)
}

// Heal ends faults.
func (l *lab) Heal(_ context.Context, ids []string) ([]faults.Fault, error) {
	return l.services.faults.Heal(ids...)
}
