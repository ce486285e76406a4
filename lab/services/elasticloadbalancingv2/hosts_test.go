package elasticloadbalancingv2

import (
	"testing"

	"github.com/stretchr/testify/require"

	"haven/lab/realm/balancer"
)

func TestATargetThatWasLostBetweenTwoReportsIsReported(t *testing.T) {
	m := &measurements{}
	see := func(running bool, verdicts ...balancer.Verdict) {
		o := balancer.Observation{Interface: "eni-1", Running: running}
		for _, v := range verdicts {
			o.Targets = append(o.Targets, balancer.TargetHealth{Group: "tg", Verdict: v})
		}
		m.see([]balancer.Observation{o})
	}
	told := func(healthy, unhealthy []float64) {
		t.Helper()
		h, u := m.told("eni-1", "tg")
		require.Equal(t, healthy, h)
		require.Equal(t, unhealthy, u)
	}
	const up, down, initial = balancer.VerdictHealthy, balancer.VerdictUnhealthy, balancer.VerdictInitial
	see(true, up, up, up)
	told([]float64{3}, []float64{0})
	see(true, up, up)
	see(true, up, up, initial)
	see(true, up, up, up)
	told([]float64{2, 3}, []float64{0})
	told([]float64{3}, []float64{0})
	see(true, up, up, down)
	told([]float64{2, 3}, []float64{0, 1})
	see(false)
	told([]float64{2}, []float64{1}) // a node that does not run has no opinion
	see(true)
	told([]float64{0, 2}, []float64{0, 1})
	m.see(nil)
	require.Empty(t, m.hosts)
	told([]float64{0}, []float64{0})
}
