package scenario

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A firewall that lets an attack pass is noticed, and the attack arrives as it was meant.
func TestAnAttackIsSentAsItIs(t *testing.T) {
	var path, agent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, agent = r.RequestURI, r.UserAgent()
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	for _, a := range attacks {
		answered, err := plainRequest(t.Context(), address, a)
		require.NoError(t, err, a.name)
		require.True(t, answered, "any answer counts: the request got through")
		require.True(t, strings.HasSuffix(path, a.path), "%s arrived as %s", a.name, path)
		require.Equal(t, a.agent, agent)
	}
	server.Close()
	answered, err := plainRequest(t.Context(), address, attacks[0])
	require.Error(t, err)
	require.False(t, answered)
}
