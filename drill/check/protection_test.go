package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"haven/drill/check"
	"haven/drill/history"
)

func TestProtected(t *testing.T) {
	refused := func(what string) history.Mark { return history.Mark{Name: check.DeletionRefused, Text: what} }
	open := history.Mark{At: 7 * time.Second, Name: check.Unprotected, Text: "firewall f (HA-01): off"}
	judge := func(marks ...history.Mark) []check.Finding {
		return check.Protected(history.History{Marks: marks}, "load balancer b", "firewall f")
	}
	require.Empty(t, judge(refused("load balancer b"), refused("firewall f")))

	for name, bad := range map[string][]history.Mark{
		"off":               {refused("load balancer b"), open},
		"off, then refused": {refused("load balancer b"), open, refused("firewall f")},
		"never tried":       {refused("load balancer b")},
		"another's refusal": {refused("load balancer b"), refused("firewall f2")},
		"another mark":      {refused("load balancer b"), {Name: history.Active, Text: "firewall f"}},
	} {
		found := judge(bad...)
		require.Len(t, found, 1, name)
		require.ErrorIs(t, found[0], check.ErrUnprotected, name)
		require.Contains(t, found[0].Text, "firewall f", name)
	}
	require.Len(t, judge(), 2)
	require.Equal(t, 7*time.Second, judge(refused("load balancer b"), open)[0].At)
}
