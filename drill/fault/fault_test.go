package fault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/drill/fault"
)

// recorded does nothing but note its steps; the named ones fail.
type recorded struct {
	steps  []string
	failed map[string]bool
}

var errStep = errors.New("no")

func (r *recorded) do(step string) error {
	r.steps = append(r.steps, step)
	if r.failed[step] {
		return errStep
	}
	return nil
}

func (r *recorded) Setup(context.Context) (string, error) { return "it", r.do("setup") }
func (r *recorded) Inject(context.Context) error          { return r.do("inject") }
func (r *recorded) WaitActive(context.Context) error      { return r.do("wait active") }
func (r *recorded) Recover(context.Context) error         { return r.do("recover") }
func (r *recorded) WaitRecovered(context.Context) error   { return r.do("wait recovered") }
func (r *recorded) Cleanup(context.Context) error         { return r.do("cleanup") }

var order = []string{"setup", "inject", "wait active", "recover", "wait recovered", "cleanup"}

func call(c *fault.Course, step string) error {
	ctx := context.Background()
	switch step {
	case "setup":
		_, err := c.Setup(ctx)
		return err
	case "inject":
		return c.Inject(ctx)
	case "wait active":
		return c.WaitActive(ctx)
	case "recover":
		return c.Recover(ctx)
	case "wait recovered":
		return c.WaitRecovered(ctx)
	}
	return c.Cleanup(ctx)
}

func TestStepsInTheirOrder(t *testing.T) {
	r := &recorded{}
	c := fault.Begin(r)
	for _, step := range order {
		require.NoError(t, call(c, step), step)
	}
	require.Equal(t, order, r.steps)
	require.Equal(t, fault.CleanedUp, c.State())
	require.NoError(t, c.Cleanup(t.Context()), "again is nothing")
	require.Equal(t, order, r.steps)
}

func TestAfterAnErrorOnlyCleanup(t *testing.T) {
	for number, failing := range order[:5] {
		r := &recorded{failed: map[string]bool{failing: true}}
		c := fault.Begin(r)
		for _, step := range order[:number] {
			require.NoError(t, call(c, step))
		}
		require.ErrorIs(t, call(c, failing), errStep)
		for _, step := range order[:5] {
			require.ErrorIs(t, call(c, step), fault.ErrOrder, "%s after a failed %s", step, failing)
		}
		require.NoError(t, c.Cleanup(t.Context()))
		require.Equal(t, append(append([]string{}, order[:number+1]...), "cleanup"), r.steps)
	}
}

func TestCleanupIsTriedAgain(t *testing.T) {
	r := &recorded{failed: map[string]bool{"cleanup": true}}
	c := fault.Begin(r)
	require.NoError(t, call(c, "setup"))
	require.ErrorIs(t, c.Cleanup(t.Context()), errStep)
	r.failed = nil
	require.NoError(t, c.Cleanup(t.Context()))
	require.Equal(t, fault.CleanedUp, c.State())
}

// TestRandomSteps calls steps in any order, some of which fail, and holds the machine to its promises.
func TestRandomSteps(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		r := &recorded{failed: map[string]bool{order[random.IntN(5)]: random.IntN(3) == 0}}
		c := fault.Begin(r)
		cleaned := false
		for range 30 {
			step, before := order[random.IntN(len(order))], len(r.steps)
			err := call(c, step)
			ran := len(r.steps) > before
			where := fmt.Sprintf("seed %d, %s after %v: %v", seed, step, r.steps[:before], err)
			require.False(t, errors.Is(err, fault.ErrOrder) && ran, where)
			if cleaned && step != "cleanup" {
				require.ErrorIs(t, err, fault.ErrOrder, where)
			}
			cleaned = cleaned || step == "cleanup"
		}
		for i, step := range r.steps {
			if step != "cleanup" {
				require.Equal(t, order[i], step, "seed %d: %v", seed, r.steps)
			}
		}
	}
}
