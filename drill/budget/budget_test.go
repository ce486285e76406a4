package budget_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/budget"
)

const second = time.Second

var declared = budget.Declared{
	Health:   budget.Health{Interval: 5 * second, Timeout: 2 * second, Unhealthy: 2},
	Names:    budget.Names{Balancer: 60 * second, Database: 5 * second, NodeCheck: 30 * second},
	Database: budget.Database{Promotion: 30 * second, Detection: 10 * second, Restart: 20 * second, ConnectTimeout: 2 * second, StatementLimit: 3 * second, RetryPause: second},

	FilesGrace: 8 * second,
}

// Worked by hand.
func TestBudgets(t *testing.T) {
	for fault, seconds := range map[budget.Fault]int{
		budget.ServerKilled:     5 + 5,
		budget.ServerHangs:      5 + 5 + 2,
		budget.ServerLost:       5 + 5 + 2,
		budget.BalancerNodeLost: 30 + 60,
		budget.FirewallLost:     30 + 60,
		budget.ForcedFailover:   30 + 3 + 5 + 2 + 1,
		budget.WriterKilled:     30 + 3 + 5 + 2 + 1,
		budget.WriterRebooted:   20 + 3 + 5 + 2 + 1,
		budget.WriterHangs:      10 + 30 + 3 + 5 + 2 + 1,
		budget.ReaderLost:       3 + 5 + 2 + 1,
		budget.MirrorLost:       2,
		budget.MountTargetLost:  5 + 8 + 5 + 5 + 2,
		budget.ZoneLost:         30 + 60,

		budget.ZoneDuringFailover: 30 + 3 + 5 + 2 + 1 + 30 + 60,
	} {
		b, err := budget.For(fault, declared)
		require.NoError(t, err)
		require.Equal(t, time.Duration(seconds)*second, b.Total(), b.String())
	}
}

func TestAZoneIsAsSlowAsItsSlowestTier(t *testing.T) {
	slow := declared
	slow.Database.Promotion = 5 * time.Minute
	zone, err := budget.For(budget.ZoneLost, slow)
	require.NoError(t, err)
	writer, err := budget.For(budget.WriterHangs, slow)
	require.NoError(t, err)
	require.Equal(t, writer.Total(), zone.Total())
}

func TestEveryFaultHasABudgetWithSources(t *testing.T) {
	for _, fault := range budget.Faults() {
		b, err := budget.For(fault, declared)
		require.NoError(t, err, fault)
		for _, term := range b.Terms {
			require.NotEmpty(t, term.Why, term.Name)
			require.Positive(t, term.Lasts, term.Name)
		}
	}
	_, err := budget.For("web/flood", declared)
	require.ErrorContains(t, err, "web/kill")
}

// A slower setting never makes a budget smaller.
func TestBudgetsGrowWithWhatTheyAreMadeOf(t *testing.T) {
	slower := declared
	slower.Health.Interval *= 2
	slower.Health.Unhealthy++
	slower.Names.Balancer *= 2
	slower.Database.Promotion *= 2
	slower.Database.Restart *= 2
	slower.FilesGrace *= 2
	for _, fault := range budget.Faults() {
		before, err := budget.For(fault, declared)
		require.NoError(t, err)
		after, err := budget.For(fault, slower)
		require.NoError(t, err)
		require.GreaterOrEqual(t, after.Total(), before.Total(), fault)
	}
}

func TestWhatIsNotDeclaredIsTold(t *testing.T) {
	_, err := budget.For(budget.ServerKilled, budget.Declared{Health: budget.Health{Interval: second, Timeout: 2 * second, Unhealthy: 11}})
	for _, problem := range []string{"threshold is 11", "not below its interval", "balancer's name", "promotion", "connect timeout", "grace of shared files"} {
		require.ErrorContains(t, err, problem)
	}
}
