package ec2_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"haven/lab/cloud"
	"haven/lab/realm/host"
	"haven/lab/realm/machine"
	"haven/lab/realm/vpc"
	lab "haven/lab/services/ec2"
)

// stage is a realm that only remembers: networks and machines that do at once what they are told.
type stage struct {
	mu       sync.Mutex
	spec     vpc.Spec
	applied  int
	refuse   error // Apply's answer
	machines map[string]machine.Phase
	specs    map[string]machine.Spec
	starts   map[string]int
	reboots  int
	failing  map[string]bool // machines that do not start
	pruned   []string
	health   map[string]machine.Health // of those that are not well
	used     map[string]machine.Usage
	changed  chan struct{}
}

func newStage() *stage {
	return &stage{
		machines: map[string]machine.Phase{}, specs: map[string]machine.Spec{}, starts: map[string]int{}, failing: map[string]bool{},
		health: map[string]machine.Health{}, used: map[string]machine.Usage{},
		changed: make(chan struct{}, 1),
	}
}

func (s *stage) Apply(_ context.Context, spec vpc.Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied++
	if s.refuse == nil {
		s.spec = spec
	}
	return s.refuse
}

func (s *stage) Namespace(id string) (*host.Namespace, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, network := range s.spec.VPCs {
		if slices.ContainsFunc(network.Interfaces, func(i vpc.Interface) bool { return i.ID == id }) {
			return &host.Namespace{}, true
		}
	}
	return nil, false
}

// become sets a machine's phase, as its own doing or the realm's.
func (s *stage) become(id string, phase machine.Phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machines[id] = phase; phase == machine.PhaseGone {
		delete(s.machines, id)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *stage) Start(_ context.Context, spec machine.Spec) error {
	s.mu.Lock()
	s.starts[spec.ID]++
	s.specs[spec.ID] = spec
	failing := s.failing[spec.ID] || s.failing["*"]
	s.mu.Unlock()
	if failing {
		s.become(spec.ID, machine.PhaseCrashed)
		return errors.New("no room on the stage")
	}
	s.become(spec.ID, machine.PhaseRunning)
	return nil
}

func (s *stage) Stop(_ context.Context, id string, _ bool) error {
	s.become(id, machine.PhaseStopped)
	return nil
}

func (s *stage) Reboot(_ context.Context, id string) error {
	s.mu.Lock()
	s.reboots++
	s.mu.Unlock()
	s.become(id, machine.PhaseRunning)
	return nil
}

func (s *stage) PowerOff(_ context.Context, id string) error {
	s.become(id, machine.PhaseOff)
	return nil
}

func (s *stage) Usage(id string) (machine.Usage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	used, ok := s.used[id]
	return used, ok
}

func (s *stage) RunScript(context.Context, string, machine.Script) (machine.ScriptResult, error) {
	return machine.ScriptResult{}, errors.New("the stage has no shell")
}

func (s *stage) Delete(_ context.Context, id string, _ bool) error {
	s.become(id, machine.PhaseGone)
	return nil
}

func (s *stage) Observe() []machine.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seen []machine.Observation
	for id, phase := range s.machines {
		one := machine.Observation{ID: id, Phase: phase}
		if phase == machine.PhaseRunning {
			one.Health = cmp.Or(s.health[id], machine.HealthOK)
		}
		seen = append(seen, one)
	}
	return seen
}

func (s *stage) Changed() <-chan struct{} { return s.changed }
func (s *stage) Console(id string) []byte { return []byte("console of " + id) }
func (s *stage) Prune(_ context.Context, ids []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pruned = ids
	return nil
}

// look reads the stage.
func look[T any](s *stage, read func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return read()
}

// profiles knows one instance profile.
type profiles struct{}

func (profiles) RoleOfProfile(_ *cloud.Tx, name string) (string, string, error) {
	if name != "web" && name != "arn:aws:iam::000000000000:instance-profile/web" {
		return "", "", cloud.Errorf("InvalidParameterValue", "Invalid IAM Instance Profile name: %s", name)
	}
	return "web-role", "arn:aws:iam::000000000000:instance-profile/web", nil
}

func (profiles) Credentials(_ context.Context, role, session string) (machine.Credentials, error) {
	return machine.Credentials{AccessKeyID: role + "/" + session}, nil
}

// play runs the service's reconciler with the stage until the test or the returned function ends it.
func (b *bench) play(s *stage) (end func()) {
	b.Helper()
	b.service.Use(lab.WithNetworks(s), lab.WithMachines(s), lab.WithProfiles(profiles{}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.service.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		require.NoError(b, <-done)
	})
	b.Cleanup(end)
	return end
}

// soon waits for something that the reconciler brings about.
func (b *bench) soon(what string, holds func() bool) {
	b.Helper()
	for limit := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		require.True(b, time.Now().Before(limit), "waiting until %s", what)
	}
}

// place is a VPC with one subnet that instances are launched into.
func (b *bench) place() (subnet string) {
	b.Helper()
	id := b.vpc("10.0.0.0/16")
	return b.subnet(id, "10.0.0.0/20", "us-east-1a")
}

const image = "ami-0a1b2c3d4e5f60718"

func (b *bench) run(subnet string, count int32, change ...func(*ec2.RunInstancesInput)) []types.Instance {
	b.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(image), InstanceType: types.InstanceTypeT3Small, SubnetId: aws.String(subnet), MinCount: aws.Int32(count), MaxCount: aws.Int32(count),
	}
	for _, f := range change {
		f(in)
	}
	out, err := b.client.RunInstances(b.ctx, in)
	require.NoError(b, err)
	return out.Instances
}

func (b *bench) instance(id string) types.Instance {
	b.Helper()
	out, err := b.client.DescribeInstances(b.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	require.NoError(b, err)
	return out.Reservations[0].Instances[0]
}

func (b *bench) reaches(id string, state types.InstanceStateName) {
	b.Helper()
	b.soon(id+" becomes "+string(state), func() bool { return b.instance(id).State.Name == state })
}
