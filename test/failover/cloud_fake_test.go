package failover

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"haven/infra/outputs"
)

type fake struct {
	servers   []string
	addresses map[string]string
}

func (f fake) Servers(context.Context, string) ([]string, error) { return f.servers, nil }

func (f fake) Address(_ context.Context, member string) (string, error) {
	address, known := f.addresses[member]
	if !known {
		return "", errors.New("no such member")
	}
	return address, nil
}

func TestMissing(t *testing.T) {
	o := outputs.Outputs{Web: outputs.Web{Min: 2}, Database: outputs.Database{Members: map[string]string{"a": "one"}}}
	problems, err := missing(t.Context(), fake{[]string{"i-1", "i-2"}, map[string]string{"one": "host"}}, o)
	require.NoError(t, err)
	require.Empty(t, problems)
	problems, err = missing(t.Context(), fake{[]string{"i-1"}, map[string]string{"one": ""}}, o)
	require.NoError(t, err)
	require.Len(t, problems, 2)
	_, err = missing(t.Context(), fake{[]string{"i-1", "i-2"}, nil}, o)
	require.ErrorContains(t, err, "zone a")
}
