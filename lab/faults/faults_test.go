package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"haven/lab/cloud"
	"haven/lab/realm/vpc"
)

// world is a realm of plain maps.
type world struct {
	there  Inventory
	moved  map[string][]string // by lever and subject
	broken error               // what moving says
}

func newWorld() *world {
	w := &world{moved: map[string][]string{}}
	for _, zone := range []string{"us-east-1a", "us-east-1b"} {
		for n, role := range []vpc.Role{vpc.RoleHost, vpc.RoleHost, vpc.RoleFirewall, vpc.RoleNAT} {
			place := Place{Region: "us-east-1", Zone: zone, Subnet: fmt.Sprintf("subnet-%s-%d", zone, n/2), Interface: fmt.Sprintf("eni-%s-%d", zone, n), Role: role}
			if n == 0 {
				place.Instance = "i-" + zone
				w.there.Subjects = append(w.there.Subjects, Subject{Region: place.Region, Zone: zone, Name: place.Instance, Interface: place.Interface, Instance: true})
			}
			if n == 1 {
				w.there.Subjects = append(w.there.Subjects, Subject{Region: place.Region, Zone: zone, Name: "db-" + zone, Interface: place.Interface, Member: true})
			}
			w.there.Places = append(w.there.Places, place)
		}
	}
	return w
}

func (w *world) realm() Realm {
	hooks := map[Lever]Hook{}
	for _, lever := range []Lever{LeverInstances, LeverDatabases, LeverBalancers, LeverDisks, LeverHang, LeverMember, LeverNode, LeverStorage, LeverHost, LeverReplay, LeverFencing} {
		hooks[lever] = Hook{
			Move: func(_ context.Context, e Effect) error {
				if w.broken != nil {
					return w.broken
				}
				if len(e.Values) == 0 {
					delete(w.moved, e.key())
				} else {
					w.moved[e.key()] = e.Values
				}
				return nil
			},
			Holds: func(_ context.Context, e Effect) (bool, string, error) {
				for _, value := range e.Values {
					if !slices.Contains(w.moved[e.key()], value) {
						return false, "not moved", nil
					}
				}
				return true, "", nil
			},
		}
	}
	return Realm{Inventory: func(*cloud.Tx) (Inventory, error) { return w.there, nil }, Hooks: hooks, Links: func(context.Context, []string) (map[string]vpc.Impairment, error) {
		return map[string]vpc.Impairment{}, nil
	}}
}

func newService(t *testing.T) (*Service, *world) {
	w := newWorld()
	store, err := cloud.Open(filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return New(store, w.realm(), slog.New(slog.DiscardHandler), nil), w
}

// anyRequest draws a request that is good in the world.
func anyRequest(t *rapid.T, w *world) Request {
	zone := rapid.SampledFrom([]string{"us-east-1a", "us-east-1b"}).Draw(t, "zone")
	at := rapid.SampledFrom(w.there.Places).Draw(t, "place")
	anywhere := rapid.SampledFrom([]string{at.Interface, at.Subnet, "i-" + zone, "db-" + zone}).Draw(t, "target")
	switch kind := rapid.SampledFrom(Kinds()).Draw(t, "kind").Kind; kind {
	case Hang:
		if rapid.Bool().Draw(t, "process") {
			return Request{Kind: kind, Target: "i-" + zone, Parameters: map[string]string{ParameterProcess: rapid.SampledFrom([]string{"web", "sshd"}).Draw(t, "name")}}
		}
		return Request{Kind: kind, Target: rapid.SampledFrom([]string{"i-" + zone, "db-" + zone}).Draw(t, "hanging")}
	case StorageFull, Crash, ReplayPaused, DatabaseUnfenced:
		return Request{Kind: kind, Target: "db-" + zone}
	case Blackhole:
		return Request{Kind: kind, Target: anywhere, Parameters: map[string]string{ParameterDirection: rapid.SampledFrom([]string{DirectionIn, DirectionOut, DirectionBoth}).Draw(t, "direction")}}
	case Slow:
		return Request{Kind: kind, Target: rapid.SampledFrom([]string{anywhere, zone}).Draw(t, "slow"), Parameters: map[string]string{ParameterRate: rapid.SampledFrom([]string{"1mbit", "64kbit"}).Draw(t, "rate")}}
	default:
		return Request{Kind: kind, Target: zone}
	}
}

// image is all that faults do to a world: links and levers.
func image(t require.TestingT, s *Service, w *world) map[string]any {
	all := map[string]any{}
	require.NoError(t, s.store.View(func(tx *cloud.Tx) error {
		impair, err := s.Impairments(tx, "us-east-1")
		for _, place := range w.there.Places {
			if impairment := impair(place); impairment != (vpc.Impairment{}) {
				all[place.Interface] = impairment
			}
		}
		return err
	}))
	for key, values := range w.moved {
		all[key] = slices.Clone(values)
	}
	return all
}

// TestEachFaultRemovesItsOwnEffectOnly heals one of two random sets that overlap: what is left is what the other one alone
// does to a world that never knew the first.
func TestEachFaultRemovesItsOwnEffectOnly(t *testing.T) {
	dir := t.TempDir()
	rounds := 0
	rapid.Check(t, func(r *rapid.T) {
		rounds++
		both, alone := newWorld(), newWorld()
		open := func(w *world, name string) *Service {
			sub := filepath.Join(dir, fmt.Sprint(rounds))
			store, err := cloud.Open(sub + name)
			require.NoError(r, err)
			r.Cleanup(func() { store.Close() })
			return New(store, w.realm(), slog.New(slog.DiscardHandler), nil)
		}
		first, second := open(both, "both"), open(alone, "alone")
		pass := func(s *Service) {
			_, err := s.Pass(context.Background())
			require.NoError(r, err)
		}
		var healing []string
		for range rapid.IntRange(1, 4).Draw(r, "faults of A") {
			made, err := first.Add(anyRequest(r, both))
			require.NoError(r, err)
			healing = append(healing, made.ID)
			if rapid.Bool().Draw(r, "pass between") {
				pass(first)
			}
		}
		for range rapid.IntRange(0, 4).Draw(r, "faults of B") {
			request := anyRequest(r, both)
			for _, s := range []*Service{first, second} {
				_, err := s.Add(request)
				require.NoError(r, err)
			}
		}
		pass(first)
		pass(second)
		if rapid.Bool().Draw(r, "the lab is killed") { // levers of a realm that is gone are as new
			both.moved = map[string][]string{}
			first = New(first.store, both.realm(), first.log, nil)
		}
		_, err := first.Heal(healing...)
		require.NoError(r, err)
		pass(first)
		require.Equal(r, image(r, second, alone), image(r, first, both))
		_, err = first.Heal()
		require.NoError(r, err)
		pass(first)
		require.Empty(r, image(r, first, both))
	})
}

func TestFaultsSurviveAKillAndLeversAreMovedBackAfterIt(t *testing.T) {
	s, w := newService(t)
	made, err := s.Add(Request{Kind: ZonePower, Target: "us-east-1a"})
	require.NoError(t, err)
	_, err = s.Pass(t.Context())
	require.NoError(t, err)
	require.Len(t, w.moved, 4)
	// A lab that was killed keeps what owners wrote down (w.moved) or loses what they had in memory: both come right.
	clear(w.moved)
	s = New(s.store, w.realm(), s.log, nil)
	_, err = s.Pass(t.Context())
	require.NoError(t, err)
	require.Len(t, w.moved, 4, "in force again")
	_, err = s.Heal(made.ID)
	require.NoError(t, err)
	s = New(s.store, w.realm(), s.log, nil) // killed between healing and its pass
	_, err = s.Pass(t.Context())
	require.NoError(t, err)
	require.Empty(t, w.moved)
}

func TestAFaultHealsItselfWhenItsTimeIsOver(t *testing.T) {
	s, w := newService(t)
	var told []Happening
	s.tell = func(h Happening) { told = append(told, h) }
	now := time.Now()
	s.now = func() time.Time { return now }
	made, err := s.Add(Request{Kind: Disk, Target: "us-east-1a", For: 30 * time.Second})
	require.NoError(t, err)
	next, err := s.Pass(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, next, 30*time.Second)
	require.Len(t, w.moved, 1)
	now = now.Add(30 * time.Second)
	set, err := s.Set()
	require.NoError(t, err)
	require.Empty(t, set, "over, although nothing has passed yet")
	_, err = s.Pass(t.Context())
	require.NoError(t, err)
	require.Empty(t, w.moved)
	require.Len(t, told, 2)
	require.Equal(t, made.ID, told[1].Fault.ID)
	require.True(t, told[1].Healed)
	_, ok, err := s.Find(made.ID)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestWhatCannotBeMovedIsTriedAgainAndNotActive(t *testing.T) {
	s, w := newService(t)
	w.broken = errors.New("stuck")
	made, err := s.Add(Request{Kind: Disk, Target: "us-east-1a"})
	require.NoError(t, err)
	_, err = s.Pass(t.Context())
	require.ErrorContains(t, err, "stuck")
	status, err := s.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, made.ID, status[0].ID)
	require.False(t, status[0].Active)
	w.broken = nil
	_, err = s.Pass(t.Context())
	require.NoError(t, err)
	status, err = s.Status(t.Context())
	require.NoError(t, err)
	require.True(t, status[0].Active)
}

func TestRefusalsTellAllThatIsWrongAndWhatThereIs(t *testing.T) {
	s, _ := newService(t)
	for _, c := range []struct {
		request Request
		wants   []string
	}{
		{Request{Kind: "flood", Target: "x"}, []string{`no kind "flood"`, "zone-power", "balancer-node"}},
		{Request{Kind: ZonePower, Target: "us-east-9z", Parameters: map[string]string{"rate": "1mbit"}}, []string{`no zone "us-east-9z"`, "us-east-1a", `no parameter "rate"`, "it has none"}},
		{Request{Kind: Hang, Target: "i-nowhere"}, []string{"i-us-east-1a", "db-us-east-1b"}},
		{Request{Kind: Hang, Target: "db-us-east-1a", Parameters: map[string]string{ParameterProcess: "postgres"}}, []string{"only the processes of an instance"}},
		{Request{Kind: Blackhole, Target: "eni-nowhere", Parameters: map[string]string{ParameterDirection: "up"}, For: -1}, []string{"eni-us-east-1a-0", "in, out, both", "can't be for"}},
		{Request{Kind: Slow, Target: "us-east-1a"}, []string{"8kbit to 10gbit"}},
		{Request{Kind: Slow, Target: "us-east-1a", Parameters: map[string]string{ParameterRate: "fast"}}, []string{`"fast"`}},
	} {
		_, err := s.Add(c.request)
		require.ErrorIs(t, err, ErrRefused)
		for _, want := range c.wants {
			require.ErrorContains(t, err, want)
		}
	}
	_, err := s.Heal("fault-x")
	require.ErrorContains(t, err, "there are none")
	made, err := s.Add(Request{Kind: Disk, Target: "us-east-1a"})
	require.NoError(t, err)
	_, err = s.Heal(made.ID, "fault-x")
	require.ErrorContains(t, err, made.ID)
	set, err := s.Set()
	require.NoError(t, err)
	require.Len(t, set, 1, "nothing was healed")
}

func TestRatesAreReadAsTcReadsThem(t *testing.T) {
	for text, want := range map[string]int64{"8kbit": 8000, "1.5mbit": 1_500_000, "2Gbit": 2_000_000_000, "64000bit": 64000} {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "1", "mbit", "7kbit", "11gbit", "-1mbit", "1mb", "NaNmbit"} {
		_, err := ParseRate(text)
		require.Error(t, err, text)
	}
}

func TestADatabaseIsHitAtItsInterfaceAndHangsByItsOwnLever(t *testing.T) {
	w := newWorld()
	f, err := Plan(Request{Kind: Blackhole, Target: "db-us-east-1a", Parameters: map[string]string{ParameterDirection: DirectionIn}}, w.there)
	require.NoError(t, err)
	require.Equal(t, vpc.Impairment{Deaf: true}, f.impairment(w.there.Places[1]))
	require.Zero(t, f.impairment(w.there.Places[0]))
	f, err = Plan(Request{Kind: Hang, Target: "db-us-east-1a"}, w.there)
	require.NoError(t, err)
	require.Equal(t, []Effect{{Lever: LeverMember, Region: "us-east-1", Subject: "db-us-east-1a", Values: []string{Whole}}}, f.effects())
}
