package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/lab/conformance/world"
	"haven/lab/control"
	"haven/lab/faults"
)

const faultLimit = 60 * time.Second

// broken sets a fault and waits until it was observed to be in force; it is healed when the test ends.
func broken(t *testing.T, w *world.World, kind faults.Kind, target string, parameters ...string) string {
	t.Helper()
	request := faults.Request{Kind: kind, Target: target, Parameters: map[string]string{}}
	for i := 0; i < len(parameters); i += 2 {
		request.Parameters[parameters[i]] = parameters[i+1]
	}
	made, err := w.Control.Break(context.Background(), request)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = w.Control.Heal(context.Background(), made.ID) }) // the test may have
	awaitActive(t, w, made.ID)
	return made.ID
}

func awaitActive(t *testing.T, w *world.World, id string) {
	t.Helper()
	world.Wait(t, id+" to be in force", faultLimit, func() error {
		all, err := w.Control.Faults(context.Background())
		if err != nil {
			return err
		}
		for _, status := range all {
			if status.ID == id {
				if status.Active {
					return nil
				}
				return fmt.Errorf("not in force: %+v", status.Seen)
			}
		}
		return errors.New("it is not set")
	})
}

func healed(t *testing.T, w *world.World, ids ...string) {
	t.Helper()
	_, err := w.Control.Heal(context.Background(), ids...)
	require.NoError(t, err)
}

// unwanted counts the datagrams that reached an instance at ports that nobody listens on.
func unwanted(t *testing.T, w *world.World, id string) int {
	t.Helper()
	fields := strings.Fields(w.MustShell(t, id, "grep '^Udp:' /proc/net/snmp | tail -1"))
	count, err := strconv.Atoi(fields[2]) // NoPorts
	require.NoError(t, err)
	return count
}

// datagrams sends some from one instance to another, and returns how many arrived.
func datagrams(t *testing.T, w *world.World, from, to, address string) int {
	t.Helper()
	before := unwanted(t, w, to)
	w.MustShell(t, from, "bash -c 'for i in 1 2 3 4 5; do echo x > /dev/udp/"+address+"/9 || true; done; true'")
	time.Sleep(300 * time.Millisecond) // they are there in less than one; those that are lost never come
	return unwanted(t, w, to) - before
}

// answered asks a web server from an instance; ok is false when it does not answer within two seconds.
func answered(t *testing.T, w *world.World, from, address, path string) (ok bool) {
	t.Helper()
	_, exit := w.Shell(t, from, "curl -sf -o /dev/null --max-time 2 http://"+address+path)
	return exit == 0
}

func awaitAnswer(t *testing.T, w *world.World, from, address string) {
	t.Helper()
	world.Wait(t, address+" to answer", faultLimit, func() error {
		if !answered(t, w, from, address, "/health") {
			return errors.New("it does not")
		}
		return nil
	})
}

// runs tells why an instance can't run a command now.
func runs(w *world.World, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := w.Control.Exec(ctx, control.ExecRequest{Instance: id, Command: []string{"true"}})
	return err
}

// pair is a client and a web server in two zones.
func pair(t *testing.T, w *world.World) (client, server, clientAt, serverAt string) {
	t.Helper()
	n := w.Network(t, "a", "b")
	server = n.Launch(t, world.Instance{Zone: "b", UserData: w.WebServer(80)})
	client = n.Instance(t, world.Instance{Zone: "a"})
	w.AwaitState(t, server, "running")
	clientAt, serverAt = w.Address(t, client), w.Address(t, server)
	awaitAnswer(t, w, client, serverAt)
	return client, server, clientAt, serverAt
}

// TestLinksBreakAsTheirFaultsSay is about one pair of instances, one fault after the other.
func TestLinksBreakAsTheirFaultsSay(t *testing.T) {
	w := world.Open(t)
	client, server, clientAt, serverAt := pair(t, w)
	t.Run("a black hole loses one way, and the other way still arrives", func(t *testing.T) {
		for direction, want := range map[string][2]int{faults.DirectionIn: {0, 5}, faults.DirectionOut: {5, 0}, faults.DirectionBoth: {0, 0}} {
			id := broken(t, w, faults.Blackhole, server, faults.ParameterDirection, direction)
			require.Equal(t, want[0], datagrams(t, w, client, server, serverAt), "to it, with %s lost", direction)
			require.Equal(t, want[1], datagrams(t, w, server, client, clientAt), "from it, with %s lost", direction)
			require.False(t, answered(t, w, client, serverAt, "/health"), "no request gets an answer")
			healed(t, w, id)
			awaitAnswer(t, w, client, serverAt)
		}
	})
	t.Run("healing one of two that overlap leaves the other", func(t *testing.T) {
		both := broken(t, w, faults.Blackhole, server)
		in := broken(t, w, faults.Blackhole, server, faults.ParameterDirection, faults.DirectionIn)
		healed(t, w, both)
		world.Wait(t, "what it sends to arrive again", faultLimit, func() error {
			if n := datagrams(t, w, server, client, clientAt); n != 5 {
				return fmt.Errorf("%d of 5 did", n)
			}
			return nil
		})
		require.Zero(t, datagrams(t, w, client, server, serverAt), "the other fault holds")
		healed(t, w, in)
		awaitAnswer(t, w, client, serverAt)
	})
	t.Run("a slow network is slow, and as fast as before when healed", func(t *testing.T) {
		took := func() time.Duration {
			seconds, err := strconv.ParseFloat(w.MustShell(t, client, "curl -sf -o /dev/null --max-time 60 -w '%{time_total}' http://"+serverAt+"/bytes/300000"), 64)
			require.NoError(t, err)
			return time.Duration(seconds * float64(time.Second))
		}
		before := min(took(), took(), took()) // a busy machine may lose a second in one of them
		id := broken(t, w, faults.Slow, server, faults.ParameterRate, "1mbit")
		slow := took()
		healed(t, w, id)
		require.Greater(t, slow, 5*before, "before it took %s", before)
		world.Wait(t, "the network to be fast again", faultLimit, func() error {
			if after := took(); 4*after >= slow {
				return fmt.Errorf("it took %s, and %s while it was slow", after, slow)
			}
			return nil
		})
	})
	t.Run("what hangs accepts and does not answer", func(t *testing.T) {
		id := broken(t, w, faults.Hang, server, faults.ParameterProcess, "web-server")
		require.True(t, reaches(t, w, client, serverAt, "80"), "the kernel still accepts")
		require.False(t, answered(t, w, client, serverAt, "/health"))
		require.Equal(t, "on", w.MustShell(t, server, "echo on"), "the rest of it goes on")
		whole := broken(t, w, faults.Hang, server)
		healed(t, w, whole)
		world.Wait(t, "the rest to go on again", faultLimit, func() error {
			return runs(w, server)
		})
		require.False(t, answered(t, w, client, serverAt, "/health"), "the other fault holds")
		healed(t, w, id)
		awaitAnswer(t, w, client, serverAt)
	})
	t.Run("a fault with a time heals by itself", func(t *testing.T) {
		made, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.Blackhole, Target: server, For: 3 * time.Second})
		require.NoError(t, err)
		awaitActive(t, w, made.ID)
		require.False(t, answered(t, w, client, serverAt, "/health"))
		awaitAnswer(t, w, client, serverAt)
	})
	t.Run("what is not there is refused with what is", func(t *testing.T) {
		_, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.Blackhole, Target: "i-0123"})
		require.ErrorContains(t, err, server)
		_, err = w.Control.Break(context.Background(), faults.Request{Kind: faults.Slow, Target: server})
		require.ErrorContains(t, err, "is not a rate")
	})
}

// TestFaultsSurviveAKillOfTheLab kills the lab while faults hold and one should have healed meanwhile.
func TestFaultsSurviveAKillOfTheLab(t *testing.T) {
	w := world.OpenAlone(t)
	client, server, clientAt, serverAt := pair(t, w)
	kept := broken(t, w, faults.Blackhole, server, faults.ParameterDirection, faults.DirectionIn)
	brief, err := w.Control.Break(context.Background(), faults.Request{Kind: faults.Disk, Target: world.Zone("c"), For: time.Second})
	require.NoError(t, err)
	w.Kill(t)
	require.NoError(t, w.Start())
	w.AwaitState(t, client, "running")
	w.AwaitState(t, server, "running")
	awaitActive(t, w, kept)
	world.Wait(t, "the instances to boot", faultLimit, func() error { return errors.Join(runs(w, client), runs(w, server)) })
	world.Wait(t, brief.ID+" to be over", faultLimit, func() error {
		all, err := w.Control.Faults(context.Background())
		if err == nil && (len(all) != 1 || all[0].ID != kept) {
			err = fmt.Errorf("there are %v", all)
		}
		return err
	})
	require.Zero(t, datagrams(t, w, client, server, serverAt))
	require.Equal(t, 5, datagrams(t, w, server, client, clientAt))
	healed(t, w, kept)
	awaitAnswer(t, w, client, serverAt)
}
